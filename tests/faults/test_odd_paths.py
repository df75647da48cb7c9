"""Odd paths: each works, or is refused in one line."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pixelgen.layouts.base import MANIFEST
from tests.support.command import COMMAND
from tests.support.faults import PATIENCE
from tests.support.surroundings import MAKE, assert_intact, assert_no_traceback

pytestmark = pytest.mark.faults


WORKS = {
    "space": "a set of mine",
    "only a space": " ",
    "newline": "new\nline",
    "only a newline": "\n",
    "tab and bell": "tab\tbell\a",
    "escape": "\x1b[31mred\x1b[0m",
    "leading dash": "-n",
    "two dashes": "--",
    "255 bytes": "n" * 255,
    "255 bytes of emoji": "🎲" * 63 + "abc",
    "not UTF-8": "\udcff\udcfe",
    "half a character": "caf\udcc3",
    "emoji": "🎲🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "right to left": "\u202eabc",
    "combining": "e\u0301",
    "dots": "a/../b",
    "three dots": "...",
    "leading dot": ".hidden",
    "trailing dot": "set.",
    "trailing slash": "set/",
    "trailing slashes": "set///",
    "double slash": "a//b",
    "dot inside": "./a/./b",
    "tilde": "./~",
    "tilde inside": "a~/~",
    "a variable": "$HOME",
    "a command": "$(touch owned)`touch owned`",
    "quotes": "'\"\\",
    "a glob": "*?[a]{b,c}",
    "percent": "%s%n%d",
    "braces": "{0}{x}",
    "markup": "[red]a[/red]",
    "colon": "C:set",
    "an address inside": "a/s3://b",
    "semicolon": "a;b&c|d>e",
    "a number": "0",
    "deep": "/".join("abcdefghij"),
}


def command(
    workspace: Path, *arguments: str, **around: str
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [COMMAND, *arguments],
        check=False, capture_output=True, cwd=workspace, env=os.environ | around, timeout=PATIENCE,
    )  # fmt: skip


@pytest.mark.parametrize("name", WORKS)
def test_an_odd_path_works_with_every_command(workspace: Path, intact: Path, name: str) -> None:
    path = WORKS[name]
    is_ascii = list(WORKS).index(name) % 2 == 0
    around = {"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C"} if is_ascii else {}
    made = command(workspace, *MAKE.split(), f"--out={path}", **around)
    checked = command(workspace, "verify", "--", path, **around)

    for done in (made, checked):
        assert done.returncode == 0, done.stderr
        assert_no_traceback(done)
    assert made.stdout == os.path.join(path, MANIFEST).encode(errors="surrogateescape") + b"\n"  # noqa: PTH118
    assert_intact(workspace / path, intact)
    assert not (workspace / "owned").exists()


def test_a_leading_tilde_is_the_home_folder(workspace: Path, intact: Path) -> None:
    home = workspace / "home"
    made = command(workspace, *MAKE.split(), "--out=~/set", HOME=str(home))
    checked = command(workspace, "verify", "~/set", HOME=str(home))

    assert (made.returncode, checked.returncode) == (0, 0), made.stderr + checked.stderr
    assert made.stdout.decode() == f"{home / 'set' / MANIFEST}\n"
    assert_intact(home / "set", intact)
    assert not (workspace / "~").exists()


@pytest.mark.parametrize("name", ["newline", "not UTF-8", "emoji", "escape", "quotes"])
def test_an_odd_path_is_one_line_of_json(workspace: Path, name: str) -> None:
    path = WORKS[name]
    done = command(workspace, *MAKE.split(), "--json", "-q", f"--out={path}")

    assert json.loads(done.stdout)["manifest"] == os.path.join(path, MANIFEST)  # noqa: PTH118
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == b""


def test_the_current_folder_may_be_the_dataset(tmp_path: Path, intact: Path) -> None:
    for name, path in {"dot": ".", "dot slash": "./", "back": "../back", "far": "/"}.items():
        if name == "far":
            path = f"//{tmp_path}/far"  # noqa: PLW2901
        (tmp_path / name).mkdir()
        done = command(tmp_path / name, *MAKE.split(), "-o", path)
        assert done.returncode == 0, done.stderr
        assert_intact(tmp_path / name, intact)


def long_path(length: int) -> str:
    """A path of so many bytes, of names that a file system takes."""
    return ("/".join(["d" * 200] * (length // 201 + 1)))[:length].rstrip("/").ljust(length, "e")


REFUSED: dict[str, tuple[str, int]] = {
    "empty": ("", 2),
    "256 bytes": ("n" * 256, 1),
    "4,096 bytes": (long_path(4096), 1),
    "5,000 bytes": (long_path(5000), 1),
    "100,000 bytes": (long_path(100_000), 1),
    "below a file": ("made/metadata.jsonl/set", 2),
    "a file": ("made/metadata.jsonl", 2),
    "a device": ("/dev/null", 2),
    "below a device": ("/dev/null/set", 2),
    "a URL": ("s3://bucket/set", 2),
    "in /proc": ("/proc/set", 1),
    "a loop": ("loop/set", 1),
    "a dangling link": ("dangling", 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_impossible_path_is_reported_in_one_line(
    workspace: Path, intact: Path, name: str
) -> None:
    as_json = list(REFUSED).index(name) % 2 == 0
    (workspace / "loop").symlink_to("loop")
    (workspace / "dangling").symlink_to("nowhere")
    path, code = REFUSED[name]
    json_too = ("--json",) if as_json else ()
    done = command(workspace, *MAKE.split(), *json_too, f"--out={path}")

    assert done.returncode in (code, 1), done.stderr[:500]
    assert_no_traceback(done)
    assert len(done.stderr.splitlines()) == 1, done.stderr[:500]
    if as_json:
        assert json.loads(done.stdout)["exit_code"] == done.returncode
    else:
        assert done.stdout == b""
    assert_intact(workspace / "made", intact)
    assert not (workspace / "nowhere").exists()


@pytest.mark.parametrize(
    ("what", "name"),
    [("verify", name) for name in REFUSED if name != "a URL"]
    + [("preview", name) for name in ("a file", "256 bytes", "a loop")],
)
def test_reading_a_path_without_a_dataset_is_one_line(
    workspace: Path, what: str, name: str
) -> None:
    (workspace / "loop").symlink_to("loop")
    (workspace / "dangling").symlink_to("nowhere")
    path, _ = REFUSED[name]
    extra = ("-o", "sheet.png") if what == "preview" else ()
    done = command(workspace, what, *extra, "--", path)

    assert done.returncode in (1, 2, 3), done.stderr[:500]
    assert_no_traceback(done)
    assert (done.stdout, len(done.stderr.splitlines())) == (b"", 1), done.stderr[:500]


def test_a_path_near_the_maximum_length_works_or_is_one_line(workspace: Path, intact: Path) -> None:
    room = 4095 - len(os.fsencode(workspace)) - 1
    for spare in (0, 14, 100, 200):
        path = long_path(room - spare)
        done = command(workspace, *MAKE.split(), "-o", f"{workspace}/{path}")
        assert_no_traceback(done)
        assert done.returncode in (0, 1), done.stderr[:500]
        if done.returncode:
            assert len(done.stderr.splitlines()) == 1
        else:
            assert_intact(workspace / path, intact)
        shutil.rmtree(workspace / path.partition("/")[0], ignore_errors=True)


SHEETS: dict[str, tuple[str, tuple[int, ...]]] = {
    "space": ("a sheet.png", (0,)),
    "newline": ("new\nline.png", (0,)),
    "dash": ("-n.png", (0,)),
    "not UTF-8": ("\udcff.png", (0,)),
    "emoji": ("🎲.PNG", (0,)),
    "255 bytes": ("n" * 251 + ".png", (0,)),
    "256 bytes": ("n" * 252 + ".png", (1,)),
    "4,096 bytes": (long_path(4092) + ".png", (1,)),
    "no such folder": ("nowhere/sheet.png", (1,)),
    "below a file": ("made/metadata.jsonl/sheet.png", (1,)),
    "no suffix": ("sheet", (2,)),
    "two dots": ("..", (2,)),
    "a folder": ("folder.png", (1,)),
    "full": ("full.png", (1,)),
}


@pytest.mark.parametrize("name", SHEETS)
def test_a_preview_under_an_odd_name_is_written_or_refused_in_one_line(
    workspace: Path, name: str
) -> None:
    (workspace / "folder.png").mkdir()
    (workspace / "full.png").symlink_to("/dev/full")
    path, codes = SHEETS[name]
    done = command(workspace, "preview", "made", "-n", "1", f"--out={path}")

    assert done.returncode in codes, done.stderr[:500]
    assert_no_traceback(done)
    if done.returncode == 0:
        assert done.stdout == path.encode(errors="surrogateescape") + b"\n"
        assert (workspace / path).stat().st_size > 0
    else:
        assert (done.stdout, len(done.stderr.splitlines())) == (b"", 1), done.stderr[:500]
