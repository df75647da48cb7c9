"""The pages of the documentation, their blocks of code, and how these are run."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.support.command import COMMAND, ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PROGRESS = re.compile(r"^(?:created|checked) [\d,]+ of [\d,]+ images, .+\n", re.MULTILINE)
_FILE_NAME = re.compile(r"# (\w[\w.-]*)\n")


class Block(NamedTuple):
    """A fenced block of a page: its language and its text."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [Block(*found) for found in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def shell(command: str, folder: Path) -> str:
    """Run a line of bash and return what it prints, stderr first.

    Lines of progress are dropped: they appear only where a run takes over ten seconds.
    """
    environment = os.environ | {
        "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", command], check=False, cwd=folder, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return _PROGRESS.sub("", done.stderr) + done.stdout


def run_block(block: Block, folder: Path) -> None:
    """Run a block in a folder, or save it under the name in its first line.

    What a ``console`` block shows, and what the comments after the prints of a ``python`` block
    say, must be printed. Blocks of other languages that name no file do nothing.
    """
    if found := _FILE_NAME.match(block.text):
        if block.language == "python":
            compile(block.text, found[1], "exec")
        (folder / found[1]).write_text(block.text)
    elif block.language == "console":
        _run_console(block.text, folder)
    elif block.language == "python":
        _run_python(block.text, folder)


def _run_console(text: str, folder: Path) -> None:
    checker = doctest.OutputChecker()
    examples = re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    assert examples, text
    for command, expected in examples:
        printed = shell(command, folder)
        assert checker.check_output(expected, printed, doctest.ELLIPSIS), f"$ {command}\n{printed}"


def _run_python(code: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=folder, capture_output=True, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = re.findall(r"^ *print\(.*\)  # (.+)$", code, re.MULTILINE)
    printed = done.stdout.splitlines()
    assert printed[len(printed) - len(expected) :] == expected, f"{code}\n{done.stdout}"
