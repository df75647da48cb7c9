"""Streams, locales, terminals, homes, clocks and paths: whatever surrounds a command, no traceback.

Every case is a command in a surrounding: what it prints on stdout is its result or nothing, what it
ends with is as documented, and the set is whole where that is 0.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pixelgen.dataset.writer import Run as How
from pixelgen.dataset.writer import write
from pixelgen.job import Job
from pixelgen.layouts.base import MANIFEST
from pixelgen.storage import LocalStore
from tests.support.command import COMMAND, tree_digest
from tests.support.faults import PATIENCE

pytestmark = pytest.mark.faults

COUNT = 5
JOB = {"count": COUNT, "width": 8, "height": 8}
MAKE = f"generate -n {COUNT} -s 8 -j 2"
COMMANDS = {
    "generate": MAKE,
    "generate --json": f"{MAKE} --json -o set",
    "generate -q": f"{MAKE} -q -o set",
    "generate --dry-run": f"{MAKE} --dry-run",
    "verify": "verify made",
    "verify --json": "verify made --json",
    "verify of damage": "verify spoiled -q",
    "preview": "preview made -n 2",
    "preview -o": "preview made -n 2 -o sheet.png",
    "list": "list families",
    "list --json": "list formats --json",
    "a mistake": "generate --colour red",
    "a mistake --json": "generate -n -5 --json",
    "help": "generate --help",
    "stream": f"{MAKE} -o -",
}
MAIN = ("generate", "generate --json", "generate -q", "verify", "verify --json", "verify of damage",
        "preview", "list", "a mistake --json", "stream")  # fmt: skip
CODES = {"verify of damage": 3, "a mistake": 2, "a mistake --json": 2}
RESULTS: dict[str, str] = {
    "generate": r"negatives/metadata\.jsonl\n",
    "generate --json": r'\{"status": 200, [^\n]*\}\n',
    "generate -q": r"set/metadata\.jsonl\n",
    "generate --dry-run": r"(?s)5 .*\n",
    "verify": "",
    "verify --json": r'\{"status": 200, [^\n]*"damage": \[\][^\n]*\}\n',
    "verify of damage": r"[^\n]*images/000003\.png[^\n]*\n",
    "preview": r"(?s).*000001\.png.*",
    "preview -o": r"sheet\.png\n",
    "list": r"(?s)blobs .*\n",
    "list --json": r'\[\{"name": "avif".*\]\n',
    "a mistake": "",
    "a mistake --json": r'\{"status": 400, "error": [^\n]*\}\n',
    "help": r"(?s)Usage: pixelgen generate.*",
    "stream": r"(?s)000000\.png\0.*",
}


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole set."""
    folder = tmp_path_factory.mktemp("wanted") / "set"
    write(Job.parse(**JOB), LocalStore(str(folder), "none"), How())
    return folder


@pytest.fixture
def place(tmp_path: Path, wanted: Path) -> Path:
    """A folder with a whole set and a spoiled one."""
    shutil.copytree(wanted, tmp_path / "made")
    shutil.copytree(wanted, tmp_path / "spoiled")
    (tmp_path / "spoiled/images/000003.png").write_text("spoiled")
    return tmp_path


def shell(place: Path, line: str, **around: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "COLUMNS")}
    return subprocess.run(
        ["/bin/bash", "-c", line],
        check=False, capture_output=True, cwd=place, env=environment | around, timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def assert_calm(done: "subprocess.CompletedProcess[bytes]") -> None:
    """No traceback, no half a one, nothing from the interpreter's own end."""
    for text in (done.stdout, done.stderr):
        for sign in (b"Traceback", b"Exception ignored", b'  File "', b"lost sys.stderr"):
            assert sign not in text, text.decode(errors="replace")


def assert_whole(folder: Path, wanted: Path) -> None:
    assert tree_digest(folder) == tree_digest(wanted)
    assert [path.name for path in folder.rglob(".*")] == []
    rows = [json.loads(line) for line in (folder / MANIFEST).read_bytes().splitlines()]
    assert [row["index"] for row in rows] == list(range(COUNT))


def assert_sets(place: Path, wanted: Path, kind: str, code: int) -> None:
    """The set is there, and whole, where the command said so; else there is none or a sound one."""
    assert_whole(place / "made", wanted)
    for name in ("negatives", "set"):
        if (place / name).exists():
            assert_whole(place / name, wanted)
    if code == 0 and kind.startswith("generate") and "dry" not in kind:
        assert (place / "negatives").exists() or (place / "set").exists()


# ---- streams

STREAMS = {
    "no stdout": (">&-", False),
    "no stderr": ("2>&-", True),
    "no stream at all": ("<&- >&- 2>&-", False),
    "stdout full": (">/dev/full", False),
    "stderr full": ("2>/dev/full", True),
    "stdin closed": ("<&-", True),
}
SILENT = ("verify", "a mistake")  # nothing is printed on stdout, so a full one does no harm


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("kind", MAIN)
def test_closed_and_full_streams_end_as_documented(
    place: Path, wanted: Path, kind: str, streams: str
) -> None:
    redirection, is_heard = STREAMS[streams]
    done = shell(place, f"{COMMAND} {COMMANDS[kind]} {redirection}")
    code = CODES.get(kind, 0)
    if "full" in redirection.partition("2>")[0] and ">" in redirection.partition("2>")[0]:
        assert done.returncode != 0 or kind in SILENT, "the result was lost, and exit was 0"
        code = code or (0 if kind in SILENT else 1)
        assert done.returncode in {code, 1}, done.stderr
    else:
        assert done.returncode == code, done.stderr
    assert_calm(done)
    if is_heard:
        assert re.fullmatch(RESULTS[kind], done.stdout.decode(errors="replace")), done.stdout
    assert_sets(place, wanted, kind, done.returncode)


@pytest.mark.parametrize("kind", MAIN)
def test_a_reader_that_goes_away_is_141_or_not_noticed(
    place: Path, wanted: Path, kind: str
) -> None:
    done = shell(
        place, f"{COMMAND} {COMMANDS[kind]} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    )

    assert done.returncode in (141, CODES.get(kind, 0)), done.stderr
    assert_calm(done)
    assert_sets(place, wanted, kind, done.returncode)


@pytest.mark.parametrize("kind", ["generate", "verify", "preview", "list", "a mistake"])
def test_a_listener_to_stderr_that_goes_away_harms_nothing(
    place: Path, wanted: Path, kind: str
) -> None:
    done = shell(place, f"({COMMAND} {COMMANDS[kind]} >out; echo $? >code) 2>&1 | true")

    assert (place / "code").read_text().strip() in (str(CODES.get(kind, 0)), "141")
    assert_calm(done)
    assert_sets(place, wanted, kind, 0)


# ---- locales, terminals, homes, clocks

AROUND: dict[str, dict[str, str]] = {
    "LC_ALL=C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LC_ALL": "POSIX", "LANG": "POSIX", "PYTHONUTF8": "0"},
    "no such locale": {"LC_ALL": "xx_YY.nonsense", "LANG": "zz"},
    "ascii": {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1:strict", "PYTHONUTF8": "0"},
    "utf-16": {"PYTHONIOENCODING": "utf-16"},
    "unbuffered": {"PYTHONUNBUFFERED": "1"},
    "optimised": {"PYTHONOPTIMIZE": "2"},
    "hash seed": {"PYTHONHASHSEED": "7"},
    "dumb": {"TERM": "dumb", "NO_COLOR": "1"},
    "forced colour": {"FORCE_COLOR": "1", "TERM": "xterm-256color", "CLICOLOR_FORCE": "1"},
    "no terminal": {"TERM": "", "COLUMNS": "0", "LINES": "-1"},
    "a column": {"COLUMNS": "1"},
    "columns of nonsense": {"COLUMNS": "wide"},
    "no home": {"HOME": "", "XDG_CONFIG_HOME": "/nonexistent", "XDG_CACHE_HOME": "/dev/null"},
    "home in a file": {"HOME": "/dev/null/home", "XDG_CACHE_HOME": "/proc/1"},
    "no TMPDIR": {"TMPDIR": "/nonexistent", "TEMP": "/dev/null", "TMP": ""},
    "no PATH": {"PATH": ""},
    "TZ of nonsense": {"TZ": ":/nonexistent"},
    "TZ far east": {"TZ": "<+26>-26"},
    "TZ with leap seconds": {"TZ": "right/UTC"},
    "TZ endless": {"TZ": "A" * 5000},
    "CI": {"CI": "true"},
    "a shell that completes": {"_PIXELGEN_COMPLETE": ""},
    "jobs of BLAS": {"OPENBLAS_NUM_THREADS": "0", "OMP_NUM_THREADS": "nonsense"},
    "warnings": {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "0"},
}
STEADY = ("generate", "verify --json", "preview", "list", "a mistake --json")


@pytest.mark.parametrize("name", AROUND)
def test_the_surroundings_change_neither_result_nor_set(
    place: Path, wanted: Path, name: str
) -> None:
    another = STEADY[1:][list(AROUND).index(name) % len(STEADY[1:])]
    for kind in ("generate", another):
        done = shell(place, f"exec {COMMAND} {COMMANDS[kind]}", **AROUND[name])
        assert done.returncode == CODES.get(kind, 0), done.stderr
        assert_calm(done)
        assert re.fullmatch(RESULTS[kind], done.stdout.decode(errors="replace")), done.stdout
        if kind != "preview":
            assert b"\x1b" not in done.stdout + done.stderr
        assert_sets(place, wanted, kind, done.returncode)


def test_no_environment_at_all_is_enough(place: Path, wanted: Path) -> None:
    for kind in STEADY:
        done = shell(place, f"exec env -i {COMMAND} {COMMANDS[kind]}")
        assert done.returncode == CODES.get(kind, 0), done.stderr
        assert_calm(done)
    assert_whole(place / "negatives", wanted)


@pytest.fixture(scope="module")
def clock() -> list[str]:
    """The command that sets another clock, tried out, or skip."""
    if shutil.which("faketime") is None:
        pytest.skip("clock: there is no faketime")
    done = subprocess.run(
        ["faketime", "2001-02-03 04:05:06", "date", "+%Y"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.stdout.strip() != "2001":
        pytest.skip(f"clock: faketime does not work ({done.stderr.strip()})")
    return ["faketime"]


@pytest.mark.parametrize(
    "moment",
    ["1970-01-01 00:00:01", "2001-02-03 04:05:06", "2016-12-31 23:59:59", "2038-01-19 03:14:06"],
)
def test_no_clock_is_seen_in_a_set(
    place: Path, wanted: Path, clock: list[str], moment: str
) -> None:
    done = shell(place, f"faketime '{moment}' {COMMAND} {MAKE} && {COMMAND} {MAKE}", TZ="UTC")

    assert done.returncode == 0, done.stderr
    assert_calm(done)
    assert re.search(rb"(?<!\S)-\d", done.stderr) is None, "a negative time or speed"
    assert_whole(place / "negatives", wanted)


@pytest.mark.parametrize("shift", ["86400", "-1"])
def test_a_shifted_monotonic_clock_changes_nothing(place: Path, wanted: Path, shift: str) -> None:
    inside = ["unshare", "-r", "--time", "--fork", "--monotonic", shift]
    probe = subprocess.run([*inside, "true"], check=False, capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"monotonic clock: unshare --time is not allowed ({probe.stderr.strip()})")
    done = shell(place, f"exec {' '.join(inside)} {COMMAND} {MAKE}")

    assert done.returncode == 0, done.stderr
    assert_calm(done)
    assert_whole(place / "negatives", wanted)


# ---- homes, folders, masks, old times


def test_a_home_that_is_read_only_is_enough(place: Path, wanted: Path) -> None:
    inside = 'unshare -rm bash -c \'mount -t tmpfs -o ro tmpfs "$HOME" && '
    if shell(place, f"{inside} true'").returncode != 0:
        pytest.skip("read-only home: a tmpfs cannot be mounted in a namespace of one's own")
    home = place / "home"
    home.mkdir()
    done = shell(place, f"{inside} exec {COMMAND} {MAKE}'", HOME=str(home))

    assert done.returncode == 0, done.stderr
    assert_calm(done)
    assert_whole(place / "negatives", wanted)


@pytest.mark.parametrize("kind", MAIN)
def test_a_working_directory_that_is_gone_is_one_line_and_never_a_traceback(
    place: Path, kind: str
) -> None:
    (place / "gone").mkdir()
    done = shell(place, f"cd gone && rmdir ../gone && exec {COMMAND} {COMMANDS[kind]}")
    needs_none = ("list", "list --json", "help", "stream", "generate --dry-run")

    assert_calm(done)
    if kind in needs_none:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode in (1, 2), done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_an_absolute_path_needs_no_working_directory(place: Path, wanted: Path) -> None:
    (place / "gone").mkdir()
    made = f"{COMMAND} {MAKE} -o {place}/negatives"
    done = shell(place, f"cd gone && rmdir ../gone && {made} && {COMMAND} verify {place}/negatives")

    assert done.returncode == 0, done.stderr
    assert_whole(place / "negatives", wanted)


@pytest.mark.parametrize("mask", ["000", "022", "077", "027", "002"])
def test_files_and_folders_get_the_modes_of_the_user_s_mask(place: Path, mask: str) -> None:
    layout = "tar" if mask.endswith("7") else "files"
    done = shell(place, f"umask {mask}; exec {COMMAND} {MAKE} --layout {layout} -o out/set")
    hidden = int(mask, 8)

    assert done.returncode == 0, done.stderr
    for path in (place / "out", *(place / "out").rglob("*")):
        whole = 0o777 if path.is_dir() else 0o666
        assert path.stat().st_mode & 0o7777 == whole & ~hidden, path


@pytest.mark.parametrize("mask", ["0777", "0277", "0477"])
def test_a_mask_that_hides_all_is_no_traceback(place: Path, mask: str) -> None:
    done = shell(place, f"umask {mask}; exec {COMMAND} {MAKE}")

    assert done.returncode in (0, 1), done.stderr
    assert_calm(done)


def test_a_folder_that_gives_its_group_to_its_files_still_does(place: Path, wanted: Path) -> None:
    shared = place / "shared"
    shared.mkdir()
    try:
        os.chown(shared, -1, 65534)
    except PermissionError:
        pytest.skip("set-group-id folder: this user may not give a folder another group")
    shared.chmod(0o2775)
    assert shell(place, f"{COMMAND} {MAKE} -o shared/set").returncode == 0

    assert {path.stat().st_gid for path in shared.rglob("*")} == {65534}
    assert_whole(shared / "set", wanted)


# ---- odd paths

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
    "tilde": "~",
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


def command(place: Path, *arguments: str, **around: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [COMMAND, *arguments],
        check=False, capture_output=True, cwd=place, env=os.environ | around, timeout=PATIENCE,
    )  # fmt: skip


@pytest.mark.parametrize("name", WORKS)
def test_an_odd_path_is_a_path_for_every_command(place: Path, wanted: Path, name: str) -> None:
    path = WORKS[name]
    is_ascii = list(WORKS).index(name) % 2 == 0
    around = {"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C"} if is_ascii else {}
    made = command(place, *MAKE.split(), f"--out={path}", **around)
    checked = command(place, "verify", "--", path, **around)

    for done in (made, checked):
        assert done.returncode == 0, done.stderr
        assert_calm(done)
    assert made.stdout == os.path.join(path, MANIFEST).encode(errors="surrogateescape") + b"\n"  # noqa: PTH118
    assert_whole(place / path, wanted)
    assert not (place / "owned").exists()


@pytest.mark.parametrize("name", ["newline", "not UTF-8", "emoji", "escape", "quotes"])
def test_an_odd_path_is_one_line_of_json(place: Path, name: str) -> None:
    path = WORKS[name]
    done = command(place, *MAKE.split(), "--json", "-q", f"--out={path}")

    assert json.loads(done.stdout)["link"] == os.path.join(path, MANIFEST)  # noqa: PTH118
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == b""


def test_the_folder_itself_may_be_the_set_s(tmp_path: Path, wanted: Path) -> None:
    for name, path in {"dot": ".", "dot slash": "./", "back": "../back", "far": "/"}.items():
        if name == "far":
            path = f"//{tmp_path}/far"  # noqa: PLW2901
        (tmp_path / name).mkdir()
        done = command(tmp_path / name, *MAKE.split(), "-o", path)
        assert done.returncode == 0, done.stderr
        assert_whole(tmp_path / name, wanted)


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
def test_a_path_that_cannot_be_is_one_line(place: Path, wanted: Path, name: str) -> None:
    as_json = list(REFUSED).index(name) % 2 == 0
    (place / "loop").symlink_to("loop")
    (place / "dangling").symlink_to("nowhere")
    path, code = REFUSED[name]
    json_too = ("--json",) if as_json else ()
    done = command(place, *MAKE.split(), *json_too, f"--out={path}")

    assert done.returncode in (code, 1), done.stderr[:500]
    assert_calm(done)
    assert len(done.stderr.splitlines()) == 1, done.stderr[:500]
    if as_json:
        assert json.loads(done.stdout)["status"] in (400, 500)
    else:
        assert done.stdout == b""
    assert_whole(place / "made", wanted)
    assert not (place / "nowhere").exists()


@pytest.mark.parametrize(
    ("what", "name"),
    [("verify", name) for name in REFUSED if name != "a URL"]
    + [("preview", name) for name in ("a file", "256 bytes", "a loop")],
)
def test_a_path_that_holds_no_set_is_one_line_for_those_who_look(
    place: Path, what: str, name: str
) -> None:
    (place / "loop").symlink_to("loop")
    (place / "dangling").symlink_to("nowhere")
    path, _ = REFUSED[name]
    extra = ("-o", "sheet.png") if what == "preview" else ()
    done = command(place, what, *extra, "--", path)

    assert done.returncode in (1, 2, 3), done.stderr[:500]
    assert_calm(done)
    assert (done.stdout, len(done.stderr.splitlines())) == (b"", 1), done.stderr[:500]


def test_a_path_near_the_longest_works_or_is_one_line(place: Path, wanted: Path) -> None:
    room = 4095 - len(os.fsencode(place)) - 1
    for spare in (0, 14, 100, 200):
        path = long_path(room - spare)
        done = command(place, *MAKE.split(), "-o", f"{place}/{path}")
        assert_calm(done)
        assert done.returncode in (0, 1), done.stderr[:500]
        if done.returncode:
            assert len(done.stderr.splitlines()) == 1
        else:
            assert_whole(place / path, wanted)
        shutil.rmtree(place / path.partition("/")[0], ignore_errors=True)


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
def test_a_sheet_under_an_odd_name_is_written_or_told_of_in_one_line(
    place: Path, name: str
) -> None:
    (place / "folder.png").mkdir()
    (place / "full.png").symlink_to("/dev/full")
    path, codes = SHEETS[name]
    done = command(place, "preview", "made", "-n", "1", f"--out={path}")

    assert done.returncode in codes, done.stderr[:500]
    assert_calm(done)
    if done.returncode == 0:
        assert done.stdout == path.encode(errors="surrogateescape") + b"\n"
        assert (place / path).stat().st_size > 0
    else:
        assert (done.stdout, len(done.stderr.splitlines())) == (b"", 1), done.stderr[:500]
