"""Commands, what each prints, and a shell to run them in any surroundings."""

import json
import os
import subprocess
from pathlib import Path

from pixelgen.layouts.base import MANIFEST
from tests.support.command import tree_digest
from tests.support.faults import PATIENCE

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
    "generate --json": r'\{"state": "complete", [^\n]*\}\n',
    "generate -q": r"set/metadata\.jsonl\n",
    "generate --dry-run": r"(?s)5 .*\n",
    "verify": "",
    "verify --json": r'\{"state": "complete", [^\n]*"damage": \[\][^\n]*\}\n',
    "verify of damage": r"[^\n]*images/000003\.png[^\n]*\n",
    "preview": r"(?s).*000001\.png.*",
    "preview -o": r"sheet\.png\n",
    "list": r"(?s)blobs .*\n",
    "list --json": r'\[\{"name": "avif".*\]\n',
    "a mistake": "",
    "a mistake --json": r'\{"error": [^\n]*, "exit_code": 2\}\n',
    "help": r"(?s)Usage: pixelgen generate.*",
    "stream": r"(?s)000000\.png\0.*",
}


def shell(workspace: Path, line: str, **around: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "COLUMNS")}
    return subprocess.run(
        ["/bin/bash", "-c", line],
        check=False, capture_output=True, cwd=workspace, env=environment | around, timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def assert_no_traceback(done: "subprocess.CompletedProcess[bytes]") -> None:
    """No traceback, no half a one, nothing from the interpreter's own end."""
    for text in (done.stdout, done.stderr):
        for sign in (b"Traceback", b"Exception ignored", b'  File "', b"lost sys.stderr"):
            assert sign not in text, text.decode(errors="replace")


def assert_intact(folder: Path, intact: Path) -> None:
    assert tree_digest(folder) == tree_digest(intact)
    assert [path.name for path in folder.rglob(".*")] == []
    rows = [json.loads(line) for line in (folder / MANIFEST).read_bytes().splitlines()]
    assert [row["index"] for row in rows] == list(range(COUNT))


def assert_datasets(workspace: Path, intact: Path, kind: str, code: int) -> None:
    """The set is there, and whole, where the command said so; else there is none or a sound one."""
    assert_intact(workspace / "made", intact)
    for name in ("negatives", "set"):
        if (workspace / name).exists():
            assert_intact(workspace / name, intact)
    if code == 0 and kind.startswith("generate") and "dry" not in kind:
        assert (workspace / "negatives").exists() or (workspace / "set").exists()
