"""Datasets whose files are links into a cache, as DVC and git-annex make them."""

import json
import os
from pathlib import Path

import pytest

import pixelgen
from tests.layouts.support import make_dataset
from tests.support.command import Run, tree_digest


def link_into_cache(root: Path, cache: Path) -> int:
    """Replace each file by a link to a read-only file in a cache; return how many they are."""
    cache.mkdir()
    files = sorted(path for path in root.rglob("*") if path.is_file())
    for number, path in enumerate(files):
        path.rename(cache / str(number))
        (cache / str(number)).chmod(0o444)
        os.utime(cache / str(number), (1_000_000_000, 1_000_000_000))
        path.symlink_to(os.path.relpath(cache / str(number), path.parent))
    return len(files)


def state_of(folder: Path) -> list[tuple[object, ...]]:
    """Return what would change if a file of a folder were written."""
    found: list[tuple[object, ...]] = []
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found.append((path, status.st_ino, status.st_mode, status.st_mtime_ns, path.read_bytes()))
    return found


@pytest.fixture(params=["files", "files,yolo", "webdataset", "imagefolder"])
def linked(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    """A dataset of links, and how many they are."""
    make_dataset(tmp_path / "set", layout=request.param)
    return tmp_path / "set", link_into_cache(tmp_path / "set", tmp_path / "cache")


def test_a_dataset_of_links_is_read_and_verify_counts_them(
    run: Run, tmp_path: Path, linked: tuple[Path, int]
) -> None:
    root, count = linked
    before = state_of(tmp_path / "cache")
    done = run("verify", root)
    facts = json.loads(run("verify", root, "--json").stdout)

    assert done.returncode == 0, done.stderr
    assert f"followed {count} symbolic links" in done.stderr
    assert facts["links"] == count
    assert pixelgen.verify(root).links == count
    dataset = pixelgen.load(root)
    assert [image.shape for image in dataset.images] == [(7, 9, 3)] * 40
    status = run("status", root)
    assert status.returncode == 0, status.stderr
    assert state_of(tmp_path / "cache") == before


def test_a_dataset_without_links_is_not_said_to_have_any(run: Run, tmp_path: Path) -> None:
    make_dataset(tmp_path / "set")
    assert "symbolic" not in run("verify", tmp_path / "set").stderr


def test_an_index_of_a_dataset_of_links_changes_no_file_that_they_lead_to(
    run: Run, tmp_path: Path, linked: tuple[Path, int]
) -> None:
    root, _ = linked
    before = state_of(tmp_path / "cache")
    done = run("index", root, "--layout", "csv")

    assert done.returncode == 0, done.stderr
    assert state_of(tmp_path / "cache") == before
    assert run("verify", root).returncode == 0
    assert not (root / "manifest.csv").is_symlink()


@pytest.mark.parametrize("command", [("repair",), ("generate", "-n", 40, "-s", "9x7", "-o")])
def test_what_writes_a_dataset_refuses_one_of_links(
    run: Run, tmp_path: Path, linked: tuple[Path, int], command: tuple[object, ...]
) -> None:
    root, _ = linked
    before, digest = state_of(tmp_path / "cache"), tree_digest(root)
    done = run(*command, root)

    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr
    assert state_of(tmp_path / "cache") == before
    assert tree_digest(root) == digest


def test_damage_behind_a_link_is_found_and_repair_says_what_to_do(run: Run, tmp_path: Path) -> None:
    make_dataset(tmp_path / "set")
    image = tmp_path / "set/images/000003.png"
    image.rename(tmp_path / "cached")
    image.symlink_to(tmp_path / "cached")
    (tmp_path / "cached").write_bytes(b"torn")

    assert "images/000003.png" in run("verify", tmp_path / "set").stdout
    refused = run("repair", tmp_path / "set")
    assert refused.returncode == 3
    assert "cp -rL" in refused.stderr
    assert (tmp_path / "cached").read_bytes() == b"torn"
    assert image.is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling", "loop", "device"])
def test_a_link_to_anything_but_a_regular_file_is_damage(
    run: Run, tmp_path: Path, kind: str
) -> None:
    make_dataset(tmp_path / "set")
    image = tmp_path / "set/images/000003.png"
    image.unlink()
    other = tmp_path / "other"
    if kind == "pipe":
        os.mkfifo(other)
    elif kind == "folder":
        other.mkdir()
    image.symlink_to({"loop": image, "device": Path("/dev/zero")}.get(kind, other))
    done = run("verify", tmp_path / "set")

    assert done.returncode == 3
    assert "images/000003.png: missing, or not a regular file" in done.stdout
