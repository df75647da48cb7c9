"""``--force``: a finished dataset is replaced, and nothing else is removed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.command import Done, Run, tree_digest
from tests.support.datasets import remove_existing, write

SMALL = ("-n", 300, "-s", "64x48")


def test_force_replaces_a_finished_dataset_and_nothing_else(
    make: Callable[..., Done], tmp_path: Path
) -> None:
    make(*SMALL)
    (tmp_path / "negatives/images/mine.txt").write_text("mine")
    make("-n", 7, "-s", 8, "--force")
    (tmp_path / "negatives/images/mine.txt").unlink()
    make("-n", 7, "-s", 8, "-o", "fresh")

    assert tree_digest(tmp_path / "negatives") == tree_digest(tmp_path / "fresh")


@pytest.mark.parametrize("case", ["changed", "in the way", "linked folder", "unfinished"])
def test_force_removes_nothing_if_a_file_may_be_foreign(
    make: Callable[..., Done], run: Run, tmp_path: Path, case: str
) -> None:
    make("-n", 5, "-s", 8)
    out = tmp_path / "negatives"
    if case == "changed":
        (out / "images/000003.png").write_text("mine")
    elif case == "in the way":
        (out / "images/000010.png").write_text("mine")
    elif case == "linked folder":
        (out / "images").rename(tmp_path / "photos")
        (out / "images").symlink_to(tmp_path / "photos")
    else:
        (out / JOURNAL).write_bytes(b"")
    before = tree_digest(tmp_path)
    done = run("generate", "-n", 30, "-s", 8, "--force")

    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert tree_digest(tmp_path) == before


def test_force_keeps_foreign_checksums(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    write(Job.parse(count=5, width=8, height=8, checksum="none"), store, How())
    (tmp_path / SUMS).write_text("mine")
    before = tree_digest(tmp_path)
    with pytest.raises(Conflict, match=SUMS):
        remove_existing(store, Job.parse(count=6, width=8, height=8), How())
    assert tree_digest(tmp_path) == before
    remove_existing(store, Job.parse(count=6, width=8, height=8, checksum="none"), How())

    assert [path.name for path in tmp_path.iterdir()] == [SUMS]
    assert (tmp_path / SUMS).read_text() == "mine"


def test_force_keeps_files_beside_a_plan_without_manifest(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    write(Job.parse(count=5, width=8, height=8), LocalStore(str(tmp_path / "set")), How())
    for name in (PLAN, SUMS, JOURNAL):
        if name != PLAN:
            (tmp_path / name).write_text("mine")
        else:
            (tmp_path / name).write_bytes((tmp_path / "set" / PLAN).read_bytes())
            continue
        before = tree_digest(tmp_path)
        with pytest.raises(Conflict):
            remove_existing(store, Job.parse(count=6, width=8, height=8), How())
        assert tree_digest(tmp_path) == before
        (tmp_path / name).unlink()


@pytest.mark.parametrize("obstacle", ["record", "file", "link", "linked sources"])
def test_force_removes_nothing_if_the_new_dataset_cannot_be_written(
    tmp_path: Path, obstacle: str
) -> None:
    out = tmp_path / "set"
    store = LocalStore(str(out))
    (tmp_path / "photos").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "photos/a.png")
    layout = "files" if obstacle == "linked sources" else "tar"
    write(Job.parse(count=5, width=8, height=8, layout=layout), store, How())
    if obstacle == "record":
        (out / "sources.jsonl").write_text("mine")
    elif obstacle == "file":
        (out / "images").write_text("mine")
    elif obstacle == "link":
        (out / "images").symlink_to("../photos")
    else:
        (tmp_path / "photos/b.png").symlink_to(out / "images/000001.png")
    before = tree_digest(tmp_path)
    family = f"pixel_shuffle:source={tmp_path}/photos"
    with pytest.raises(Conflict):
        remove_existing(store, Job.parse(count=6, width=8, height=8, family=family), How())
    assert tree_digest(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--engine", "dask://127.0.0.1:9"), "127.0.0.1:9"),
        (("--engine", "dask", "--family", "pixel_shuffle:source=photos"), "absolute path"),
        (("--remote", "--remote-url", "http://127.0.0.1:9", "--remote-timeout", 1), "127.0.0.1"),
        (("--family", "pixel_shuffle:source=nowhere"), "nowhere"),
        (("--summary", "nowhere/summary.md"), "nowhere/summary.md"),
    ],
)
def test_force_removes_nothing_if_the_new_run_cannot_start(
    options: tuple[object, ...],
    named: str,
    make: Callable[..., Done],
    run: Run,
    tmp_path: Path,
) -> None:
    make("-n", 3, "-s", 8)
    (tmp_path / "photos").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "photos/a.png")
    before = tree_digest(tmp_path)
    done = run("generate", "-n", 9, "-s", 8, "--force", *options, PIXLAB_API_KEY="abcdefghijklmnop")

    assert done.returncode in (1, 2), done.stderr
    assert named in done.stderr
    assert tree_digest(tmp_path) == before


@pytest.mark.slow
def test_force_leaves_no_empty_folder(make: Callable[..., Done], tmp_path: Path) -> None:
    make("-n", 10_001, "-s", 1)
    make("-n", 3, "-s", 1, "--layout", "tar", "--force")
    assert [path.name for path in (tmp_path / "negatives").iterdir() if path.is_dir()] == []


def test_force_stopped_during_its_check_removes_nothing(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    write(Job.parse(count=5, width=8, height=8), store, How())
    (tmp_path / "images/000003.png").write_text("mine")
    before = tree_digest(tmp_path)
    remove_existing(store, Job.parse(count=6, width=8, height=8), How(stopped=lambda: True))

    assert tree_digest(tmp_path) == before
