"""The store: whole or not at all, never over a stranger's, one clear line when it cannot."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelgen.errors import BadValue, Conflict, PixelgenError
from pixelgen.storage import LocalStore
from tests.support.command import Run, tree_digest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 256 KiB (64 pages), or skip."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"full disk: cannot mount a tmpfs ({mounted.stderr.strip()})")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_with_its_bytes_and_no_temporary_one_stays(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.put("a/b/c.bin", b"abc")
    store.put("a/b/d.bin", iter((b"d", bytes(bytearray(b"e")), b"f")))

    assert (tmp_path / "a/b/c.bin").read_bytes() == b"abc"
    assert (tmp_path / "a/b/d.bin").read_bytes() == b"def"
    assert names(tmp_path / "a/b") == ["c.bin", "d.bin"]


def test_the_same_bytes_again_leave_the_file_alone(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.put("a", b"abc")
    before = (tmp_path / "a").stat().st_ino
    store.put("a", b"abc")

    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").stat().st_ino == before


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        bytes(10),
        bytes(9000),
        b"x" * 4096,
        b"x" * 5000,
        bytes(4096) + b"x" * 4096,
        b"x" * 5000 + bytes(3192),
    ],
    ids=[
        "empty",
        "short zeros",
        "zeros",
        "one page",
        "a page and a bit",
        "a page lost",
        "a page half written",
    ],
)
def test_what_a_power_cut_left_of_our_file_is_mended(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "a").write_bytes(torn)
    LocalStore(str(tmp_path)).put("a", b"x" * 9000)

    assert (tmp_path / "a").read_bytes() == b"x" * 9000


@pytest.mark.parametrize("foreign", [b"mine", b"x" * 9001, b"x" * 4096 + b"y", b"x" * 8999 + b"y"])
def test_any_other_content_is_a_stranger_s(tmp_path: Path, foreign: bytes) -> None:
    (tmp_path / "a").write_bytes(foreign)
    with pytest.raises(Conflict, match="is not pixelgen's own"):
        LocalStore(str(tmp_path)).put("a", b"x" * 9000)

    assert (tmp_path / "a").read_bytes() == foreign
    assert names(tmp_path) == ["a"]


def test_a_link_to_our_very_bytes_is_still_a_stranger_s(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"abc")
    (tmp_path / "a").symlink_to("victim")
    with pytest.raises(Conflict):
        LocalStore(str(tmp_path)).put("a", b"abc")

    assert (tmp_path / "a").is_symlink()


def test_a_batch_that_fails_under_each_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with LocalStore(str(tmp_path), "each").batch("folder") as put:
            put("a", b"a")
            assert not (tmp_path / "folder/a").exists()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert names(tmp_path / "folder") == []


def test_an_appended_line_begins_where_it_is_said_to(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    with store.log("j") as log:
        assert log.append(b"one\n") == 0
        assert log.append(b"two\n") == 4
        with (tmp_path / "j").open("ab") as file:
            file.write(b"torn")
        place = log.append(b"three\n")

        assert list(log.lines(max_bytes=99)) == [b"one\n", b"two\n", b"torn\n", b"three\n"]
        assert next(log.lines(place, max_bytes=99)) == b"three\n"
    assert list(store.lines("j")) == [b"one\n", b"two\n", b"torn\n", b"three\n"]


def test_a_log_whose_name_is_removed_continues_and_removes_no_other(
    tmp_path: Path,
) -> None:
    with LocalStore(str(tmp_path)).log("j") as log:
        log.append(b"one\n")
        (tmp_path / "j").unlink()
        assert next(log.lines(log.append(b"two\n"), max_bytes=99)) == b"two\n"
        log.remove()
        (tmp_path / "j").write_bytes(b"mine")
        with pytest.raises(Conflict, match="is not pixelgen's own"):
            log.remove()
    assert (tmp_path / "j").read_bytes() == b"mine"


def test_a_link_is_neither_read_nor_appended_to(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"abc")
    (tmp_path / "a").symlink_to("victim")
    store = LocalStore(str(tmp_path))

    assert store.size("a") is None
    assert list(store.lines("a")) == []
    with pytest.raises(FileNotFoundError):
        store.read("a", 99)
    with pytest.raises(Conflict), store.log("a"):
        pass
    assert (tmp_path / "victim").read_bytes() == b"abc"


def test_a_name_near_the_limit_gets_a_shorter_temporary_one(tmp_path: Path) -> None:
    name = "n" * 251 + ".png"
    LocalStore(str(tmp_path)).put(name, b"abc")

    assert names(tmp_path) == [name]


def test_a_temporary_name_is_used_once_and_known_when_its_process_is_dead(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    mine = {store.stage("a", b"abc").temp for _ in range(2)}
    child = os.fork()
    if child == 0:  # has the numbers of its parent
        store.stage("a", b"abc")
        store.stage("a", b"abc")
        os._exit(0)
    os.waitpid(child, 0)
    there = set(names(tmp_path))
    assert mine < there
    assert len(there) == 4

    for name in mine:
        (tmp_path / name).unlink()
    store.remove_stale_files("")
    assert names(tmp_path) == []


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_an_opened_store_reads_what_the_store_reads(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    files = {f"{number}/sub/a": bytes(number) for number in range(50)} | {"a": b"abc"}
    for name, data in files.items():
        store.put(name, data)
    before = open_descriptors()
    with store.opened() as opened:
        for name in (*files, *reversed(files)):
            assert opened.size(name) == len(files[name])
            assert b"".join(opened.chunks(name)) == files[name]
            assert opened.content_equals(name, files[name])
        assert before < open_descriptors() <= before + 32
        for missing in ("b", "0/b", "none/a", "0/sub"):
            assert opened.size(missing) is None
            with pytest.raises(FileNotFoundError):
                opened.read(missing, 9)
    assert open_descriptors() == before


@pytest.mark.parametrize("follows_links", [False, True])
def test_an_opened_store_follows_links_to_files_alone_if_it_may(
    tmp_path: Path, follows_links: bool
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a").write_bytes(b"abc")
    (tmp_path / "root/sub").mkdir(parents=True)
    (tmp_path / "root/folder").symlink_to("../elsewhere")
    (tmp_path / "root/sub/a").symlink_to("../../elsewhere/a")
    (tmp_path / "root/sub/torn").symlink_to("nowhere")
    store = LocalStore(str(tmp_path / "root"), follows_links=follows_links)
    with store.opened() as opened:
        assert opened.size("folder/a") is None
        with pytest.raises(Conflict):
            opened.read("folder/a", 9)
        assert opened.size("sub/torn") is None
        assert opened.size("sub/a") == (3 if follows_links else None)
        assert opened.content_equals("sub/a", b"abc") == follows_links
        found = opened.count_links(["sub/a", "sub/torn", "sub/none", "folder/a", "folder"])
        assert found == (3 if follows_links else 0)


def test_an_output_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in ("file", "file/below"):
        with pytest.raises(BadValue, match=str(tmp_path / "file")):
            LocalStore(str(tmp_path / path)).create()


@pytest.mark.faults
@pytest.mark.parametrize("pages", range(8))
def test_a_disk_full_at_any_page_leaves_no_short_file(small_disk: Path, pages: int) -> None:
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, (64 - pages) * 4096)
    data = os.urandom(7 * 4096 + 1)  # eight pages
    with pytest.raises(PixelgenError, match=r"a\.bin.*No space left on device.*free"):
        LocalStore(str(small_disk)).put("a.bin", data)
    assert names(small_disk) == ["filler"]

    filler.unlink()
    LocalStore(str(small_disk)).put("a.bin", data)
    assert (small_disk / "a.bin").read_bytes() == data


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "tiff", "npy"])
@pytest.mark.parametrize("layout", ["files", "tar:per_shard=5"])
def test_a_run_on_a_full_disk_names_the_file_and_is_resumed(
    run: Run, small_disk: Path, tmp_path: Path, kind: str, layout: str
) -> None:
    command = ["generate", "-n", 160, "-s", 60, "-f", kind, "--layout", layout, "-q"]
    done = run(*command, "-o", small_disk / "set")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for word in ("No space left on device", "free", "same command", str(small_disk / "set")):
        assert word in done.stderr
    assert list((small_disk / "set").rglob("*.part")) == []

    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert run(*command, "-o", small_disk / "set").returncode == 0
    assert run(*command, "-o", tmp_path / "whole").returncode == 0
    assert tree_digest(small_disk / "set") == tree_digest(tmp_path / "whole")


@pytest.mark.faults
def test_a_directory_that_may_not_be_written_to_is_one_clear_line(
    run: Run, small_disk: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = run("generate", "-n", 1, "-s", 8, "-o", small_disk / "set")

    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert str(small_disk / "set") in done.stderr
    assert len(done.stderr.splitlines()) == 1
