"""Repair: what verify finds is written again to the same bytes, and nothing else is touched."""

import hashlib
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.plan import plan_text
from pixelgen.dataset.repair import repair, repair_plan
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.verify import check
from pixelgen.engines import Serial
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.command import COMMAND, Done, tree_digest
from tests.support.command import Run as Command
from tests.support.datasets import write
from tests.support.faults import flip, stride

SERIAL = RunConfig(Serial())
KINDS: dict[str, dict[str, object]] = {
    "files": {"count": 12},
    "deflated": {"count": 30, "family": "stripes", "color": "red"},
    "tar": {"count": 12, "layout": "tar:per_shard=5"},
    "an image a tar": {"count": 3, "layout": "tar:per_shard=1"},
    "folders": {"count": 10_001, "width": 1, "height": 1},
}


def made(root: Path, **options: object) -> LocalStore:
    store = LocalStore(str(root), "none")
    sides: dict[str, object] = {"width": 9, "height": 7}
    write(Job.parse(**sides | options), store, SERIAL)
    return store


def repaired_files(store: LocalStore, *, deep: bool = False) -> list[str]:
    """Repair a dataset and return the names of what was written again."""
    job, found = repair_plan(store)
    for checked in repair(job, store, SERIAL, deep=deep):
        found += checked.damage
    return [damage.name for damage in found]


def is_found(store: LocalStore) -> bool:
    try:
        return any(checked.damage for checked in check(finished_plan(store), store, SERIAL))
    except Conflict:
        return True


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["files", "tar"])
def test_every_changed_digit_of_a_row_is_found_and_repaired(kind: str, tmp_path: Path) -> None:
    store = made(tmp_path / "set", **KINDS[kind])
    manifest = tmp_path / "set/metadata.jsonl"
    whole = manifest.read_bytes()
    for place in range(0, whole.index(b"\n"), stride(3)):
        flip(manifest, 8 * place)
        assert is_found(store), place
        assert repaired_files(store), place
        assert manifest.read_bytes() == whole, place


@pytest.mark.slow
@pytest.mark.parametrize("checksum", ["sha256", "none"])
def test_every_flipped_bit_of_a_plan_is_found_and_restored_or_refused(
    checksum: str, tmp_path: Path
) -> None:
    store = made(tmp_path / "set", count=2, checksum=checksum)
    plan = tmp_path / "set/pixelgen.json"
    whole = plan.read_bytes()
    for bit in range(0, 8 * len(whole), stride(41)):
        flip(plan, bit)
        flipped = plan.read_bytes()
        assert is_found(store)
        try:
            assert repair_plan(store)[1]
        except Conflict:
            assert plan.read_bytes() == flipped
            plan.write_bytes(whole)
        assert plan.read_bytes() == whole


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoil", ["remove", "truncate", "empty", "grow", "swap"])
def test_changed_files_are_generated_again(spoil: str, kind: str, tmp_path: Path) -> None:
    store = made(tmp_path / "set", **KINDS[kind])
    whole = tree_digest(tmp_path / "set")
    files = sorted(f for f in (tmp_path / "set").rglob("*") if f.suffix in (".png", ".tar"))
    first, last = files[0], files[-1]
    if spoil == "remove":
        first.unlink()
    elif spoil == "swap":
        first.rename(tmp_path / "aside")
        last.rename(first)
        (tmp_path / "aside").rename(last)
    else:
        data = first.read_bytes()
        first.write_bytes({"truncate": data[:-9], "empty": b"", "grow": data + b"x"}[spoil])

    assert len(repaired_files(store)) == (2 if spoil == "swap" else 1)
    assert tree_digest(tmp_path / "set") == whole


@pytest.mark.parametrize("name", ["metadata.jsonl", "SHA256SUMS"])
@pytest.mark.parametrize("kind", ["files", "tar", "an image a tar"])
def test_missing_manifest_and_checksums_are_written_again(
    kind: str, name: str, tmp_path: Path
) -> None:
    store = made(tmp_path / "set", **KINDS[kind])
    whole = tree_digest(tmp_path / "set")
    for spoil in (Path.unlink, lambda file: file.write_text(file.read_text()[:300])):
        spoil(tmp_path / "set" / name)
        repaired = repaired_files(store)
        assert repaired == [name] if spoil is Path.unlink else name in repaired
        assert tree_digest(tmp_path / "set") == whole


def test_repair_does_not_change_correct_files(tmp_path: Path) -> None:
    store = made(tmp_path / "set", count=12)
    foreign = tmp_path / "set/images/mine.png"
    foreign.write_text("mine")
    files = [f for f in (tmp_path / "set/images").iterdir() if f.name != "000003.png"]
    before = {file: (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}
    flip(tmp_path / "set/images/000003.png", 99)

    assert repaired_files(store) == ["images/000003.png"]
    assert {file: (file.stat().st_ino, file.stat().st_mtime_ns) for file in files} == before
    assert foreign.read_text() == "mine"


def test_repair_does_not_change_an_intact_dataset(tmp_path: Path) -> None:
    store = made(tmp_path / "set", count=12)
    before = [(file, file.stat().st_mtime_ns) for file in sorted((tmp_path / "set").rglob("*"))]
    assert repaired_files(store) == []
    after = [(file, file.stat().st_mtime_ns) for file in sorted((tmp_path / "set").rglob("*"))]
    assert before == after


@pytest.mark.parametrize("deep", [False, True])
def test_without_checksums_only_a_deep_repair_finds_every_flipped_bit(
    deep: bool, tmp_path: Path
) -> None:
    store = made(tmp_path / "set", count=12, checksum="none")
    whole = tree_digest(tmp_path / "set")
    flip(tmp_path / "set/images/000003.png", 999)
    assert repaired_files(store, deep=deep) == (["images/000003.png"] if deep else [])
    assert (tree_digest(tmp_path / "set") == whole) == deep


JOB: dict[str, object] = {"count": 12, "width": 9, "height": 7}


def test_a_stopped_repair_is_resumed(tmp_path: Path) -> None:
    store = made(tmp_path / "set", count=12)
    whole = tree_digest(tmp_path / "set")
    for again in (lambda: repaired_files(store), lambda: write(Job.parse(**JOB), store, SERIAL)):
        (tmp_path / "set/images/000003.png").unlink()
        stopped = partial(next, iter([False] * 3), True)
        job, _ = repair_plan(store)
        list(repair(job, store, RunConfig(Serial(), stopped=stopped)))
        assert (tmp_path / "set/.pixelgen.journal").exists()
        again()
        assert tree_digest(tmp_path / "set") == whole


@pytest.mark.slow
def test_repair_refuses_a_name_of_the_dataset_that_is_not_a_file(
    make: Callable[..., Done], run: Command, tmp_path: Path
) -> None:
    make("-n", 3, "-s", 8, "-o", "set")
    image = tmp_path / "set/images/000001.png"
    victim = tmp_path / "victim"
    victim.write_text("mine")
    plants: list[Callable[[], object]] = [
        partial(image.symlink_to, victim), image.mkdir, partial(os.mkfifo, image)
    ]  # fmt: skip
    for plant in plants:
        image.unlink()
        plant()
        done = run("repair", "set")
        assert done.returncode == 3
        assert "regular file" in done.stderr
        assert run("verify", "set").returncode == 3
        image.rmdir() if image.is_dir() and not image.is_symlink() else image.unlink()
        image.touch()
    assert victim.read_text() == "mine"
    assert run("repair", "set").returncode == 0
    assert run("verify", "set").returncode == 0


def test_images_of_another_encoder_are_not_repaired(tmp_path: Path) -> None:
    store = made(tmp_path / "set", count=3, family="stripes")
    plan = tmp_path / "set/pixelgen.json"
    plan.write_bytes(plan_text(json.loads(plan.read_text()) | {"encoder": "zlib-old"}))
    sums = tmp_path / "set/SHA256SUMS"
    lines = sums.read_text().splitlines()
    digest = hashlib.sha256(plan.read_bytes()).hexdigest()
    sums.write_text("".join(f"{digest}  pixelgen.json\n" if "pixelgen.json" in line else line + "\n"
                            for line in lines))  # fmt: skip
    (tmp_path / "set/images/000001.png").unlink()
    with pytest.raises(Conflict, match="zlib-old"):
        repaired_files(store)
    assert (tmp_path / "set/metadata.jsonl").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [('"schema": 1,', '"schema" :1,'), ('"crc32": "', '"crc32": "0'), ("}\n", "}\n\n")],
)
def test_a_plan_that_only_its_spelling_damages_is_restored(
    tmp_path: Path, old: str, new: str
) -> None:
    store = made(tmp_path / "set", count=3)
    whole = tree_digest(tmp_path)
    plan = tmp_path / "set/pixelgen.json"
    plan.write_text(new.join(plan.read_text().rsplit(old, 1)))
    assert tree_digest(tmp_path) != whole
    assert is_found(store)
    assert repaired_files(store) == ["pixelgen.json"]
    assert tree_digest(tmp_path) == whole


@pytest.mark.parametrize(
    ("old", "new"),
    [('"seed": "0x0"', '"seed": "0x77"'), ('"numpy": "', '"numpy": "9.9'), ("{", "no"),
     ("crc32", "crc23")],
)  # fmt: skip
def test_a_plan_that_cannot_be_restored_is_refused_and_all_files_stay(
    tmp_path: Path, old: str, new: str
) -> None:
    store = made(tmp_path / "set", count=3)
    whole = tree_digest(tmp_path)
    plan = tmp_path / "set/pixelgen.json"
    plan.write_text(plan.read_text().replace(old, new, 1))
    before = tree_digest(tmp_path)
    assert before != whole
    with pytest.raises(Conflict, match=r"damaged.* restore it.* remove it.* command.* again"):
        repaired_files(store)
    assert is_found(store)
    assert tree_digest(tmp_path) == before
    plan.unlink()
    with pytest.raises(Conflict, match=r"pixelgen\.json .*missing"):
        repaired_files(store)
    made(tmp_path / "set", count=3)
    assert tree_digest(tmp_path) == whole


def test_a_damaged_plan_without_checksums_is_refused_without_a_way_that_fails(
    tmp_path: Path,
) -> None:
    store = made(tmp_path / "set", count=3, checksum="none")
    flip(tmp_path / "set/pixelgen.json", 99)
    before = tree_digest(tmp_path)
    with pytest.raises(Conflict, match=r"damaged.* restore it, or move the dataset away"):
        repaired_files(store)
    assert tree_digest(tmp_path) == before


def test_a_source_record_is_written_again_from_the_same_images(
    tmp_path: Path, run: Command
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for level in range(3):
        Image.new("L", (20, 20), 60 * level).save(photos / f"{level}.png")
    store = made(tmp_path / "set", count=6, family=f"pixel_shuffle:source={photos}")
    whole = tree_digest(tmp_path / "set")
    record = tmp_path / "set/sources.jsonl"
    text = record.read_bytes()
    for spoilt in (b"", text[:99], text.replace(b"0.png", b"8.png")):
        record.write_bytes(spoilt)
        assert "sources.jsonl" in repaired_files(store)
        assert tree_digest(tmp_path / "set") == whole
    record.unlink()
    shutil.rmtree(photos)
    done = run("repair", "set")
    assert done.returncode != 0
    assert "photos" in done.stderr


def test_repair_prints_what_it_generated_again(
    make: Callable[..., Done], run: Command, tmp_path: Path
) -> None:
    make("-n", 20, "-s", 8, "-o", "set")
    whole = tree_digest(tmp_path / "set")
    assert run("repair", "set").stdout == ""
    (tmp_path / "set/images/000007.png").unlink()
    flip(tmp_path / "set/images/000009.png", 70)
    done = run("repair", "set")
    assert done.returncode == 0
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "images/000007.png", "images/000009.png"
    ]  # fmt: skip
    assert "20 images checked, 2 files repaired" in done.stderr
    assert tree_digest(tmp_path / "set") == whole
    (tmp_path / "set/images/000007.png").unlink()
    printed = json.loads(run("repair", "set", "--json", "-q").stdout)
    assert [each["file"] for each in printed["repaired"]] == ["images/000007.png"]
    assert run("repair", "nowhere").returncode == 2


def test_repair_keeps_files_beside_a_plan_without_manifest(tmp_path: Path) -> None:
    made(tmp_path / "set", count=12)
    (tmp_path / "plain/images").mkdir(parents=True)
    shutil.copy(tmp_path / "set/pixelgen.json", tmp_path / "plain")
    photo = tmp_path / "plain/images/000000.png"
    photo.write_text("mine")
    with pytest.raises(Conflict, match=r"000000\.png"):
        repaired_files(LocalStore(str(tmp_path / "plain"), "none"))
    assert photo.read_text() == "mine"
    photo.unlink()
    assert repaired_files(LocalStore(str(tmp_path / "plain"), "none")) == []
    assert tree_digest(tmp_path / "plain") == tree_digest(tmp_path / "set")


def test_foreign_checksums_beside_a_dataset_without_are_kept(tmp_path: Path) -> None:
    store = made(tmp_path / "set", count=12, checksum="none")
    (tmp_path / "set/SHA256SUMS").write_text("mine")
    (tmp_path / "set/images/000003.png").unlink()
    assert repaired_files(store) == ["images/000003.png"]
    assert (tmp_path / "set/SHA256SUMS").read_text() == "mine"


def test_a_repair_without_its_source_images_changes_nothing(tmp_path: Path, run: Command) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("L", (20, 20), 60).save(photos / "a.png")
    store = made(tmp_path / "set", count=6, family=f"pixel_shuffle:source={photos}")
    (tmp_path / "set/images/000003.png").unlink()
    (photos / "a.png").rename(tmp_path / "aside.png")
    before = tree_digest(tmp_path)
    done = run("repair", "set")
    assert done.returncode != 0
    assert "a.png" in done.stderr
    assert tree_digest(tmp_path) == before
    (tmp_path / "aside.png").rename(photos / "a.png")
    assert repaired_files(store) == ["images/000003.png"]


@pytest.mark.parametrize("layout", ["files", "tar:per_shard=5"])
@pytest.mark.parametrize("checksum", ["sha256", "none"])
def test_many_damages_at_once_are_repaired(layout: str, checksum: str, tmp_path: Path) -> None:
    store = made(tmp_path / "set", count=20, layout=layout, checksum=checksum)
    whole = tree_digest(tmp_path / "set")
    images = sorted(f for f in (tmp_path / "set").rglob("*") if f.suffix in (".png", ".tar"))
    draw = random.Random(3)
    for _ in range(10):
        gone, spoilt, short = draw.sample(images, 3)
        gone.unlink()
        flip(spoilt, draw.randrange(8 * spoilt.stat().st_size))
        short.write_bytes(short.read_bytes()[:-1])
        assert set(repaired_files(store, deep=True)) >= {
            str(path.relative_to(tmp_path / "set")) for path in (gone, spoilt, short)
        }
        assert tree_digest(tmp_path / "set") == whole


@pytest.mark.slow
def test_a_deep_verify_finds_every_changed_byte_of_a_tar_without_checksums(tmp_path: Path) -> None:
    store = made(tmp_path / "set", count=2, layout="tar:per_shard=5", checksum="none")
    tar = tmp_path / "set/negatives-000000.tar"
    whole = tar.read_bytes()
    for place in range(0, len(whole), stride(15)):
        flip(tar, 8 * place)
        assert repaired_files(store, deep=True) == [tar.name], place
        assert tar.read_bytes() == whole


def test_a_correct_file_without_checksum_is_kept(tmp_path: Path) -> None:
    store = made(tmp_path / "set", count=12, layout="tar:per_shard=5")
    whole = tree_digest(tmp_path / "set")
    before = [tar.stat().st_ino for tar in sorted((tmp_path / "set").glob("*.tar"))]
    (tmp_path / "set/SHA256SUMS").unlink()
    assert repaired_files(store)
    assert [tar.stat().st_ino for tar in sorted((tmp_path / "set").glob("*.tar"))] == before
    assert tree_digest(tmp_path / "set") == whole


def test_a_source_record_that_is_a_link_is_refused(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("L", (20, 20), 60).save(photos / "a.png")
    store = made(tmp_path / "set", count=6, family=f"pixel_shuffle:source={photos}")
    (tmp_path / "set/sources.jsonl").rename(tmp_path / "mine")
    (tmp_path / "set/sources.jsonl").symlink_to(tmp_path / "mine")
    with pytest.raises(Conflict, match=r"sources\.jsonl .*regular file"):
        repaired_files(store)
    assert (tmp_path / "set/sources.jsonl").is_symlink()


@pytest.mark.slow
@pytest.mark.parametrize("checksum", ["sha256", "none"])
def test_every_flipped_bit_of_a_source_record_is_found_and_repaired(
    checksum: str, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for level in range(2):
        Image.new("L", (20, 20), 60 * level).save(photos / f"{level}.png")
    store = made(
        tmp_path / "set", count=2, family=f"pixel_shuffle:source={photos}", checksum=checksum
    )
    record = tmp_path / "set/sources.jsonl"
    whole = record.read_bytes()
    for bit in range(0, 8 * len(whole), stride(21)):
        flip(record, bit)
        assert is_found(store), bit
        assert repaired_files(store), bit
        assert record.read_bytes() == whole


@pytest.mark.slow
def test_repair_finishes_an_unfinished_dataset_and_then_checks_it(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path / "set"), "none")
    rounds = iter(range(2))
    job = Job.parse(count=3000, width=4, height=4)
    write(job, store, RunConfig(Serial(), stopped=lambda: next(rounds, None) is None))
    flip(tmp_path / "set/images/000005.png", 300)
    assert repaired_files(store) == ["images/000005.png"]
    write(job, LocalStore(str(tmp_path / "whole")), SERIAL)
    assert tree_digest(tmp_path / "set") == tree_digest(tmp_path / "whole")


def test_the_original_command_restores_the_plan(tmp_path: Path) -> None:
    store = made(tmp_path / "set", count=12)
    whole = tree_digest(tmp_path / "set")
    plan = tmp_path / "set/pixelgen.json"
    for spoil in (plan.unlink, partial(plan.write_bytes, b"")):
        spoil()
        with pytest.raises(Conflict, match=r"command.* again"):
            repaired_files(store)
        write(Job.parse(**JOB), store, SERIAL)
        assert tree_digest(tmp_path / "set") == whole
    plan.unlink()
    with pytest.raises(Conflict, match="not belong to this dataset"):
        write(Job.parse(**JOB, seed=1), store, SERIAL)


@pytest.mark.cli
def test_nothing_is_removed_before_the_journal_of_what_is_right_is_written(tmp_path: Path) -> None:
    made(tmp_path / "set", count=60, layout="webdataset:per_shard=30")
    (spoilt, _) = sorted((tmp_path / "set").glob("*.tar"))
    flip(spoilt, 5000)
    before = tree_digest(tmp_path)
    script = f"ulimit -f 1; exec '{COMMAND}' repair -q set"  # of 1024 bytes, as bash counts
    done = subprocess.run(
        ["bash", "-c", script], check=False, cwd=tmp_path, capture_output=True, text=True
    )

    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stderr
    assert tree_digest(tmp_path) == before
