"""The page for contributors: its commands find tests, and every module is in its table."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import pixelgen
from tests.support.command import ROOT
from tests.test_package import ORDER

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (?:\w+=\w+ )?(pytest .+)$", TEXT, re.MULTILINE)
ROWS = re.findall(r"^\| (.+) \| `(pytest .+)` \|$", TEXT, re.MULTILINE)


EVERY = {*COMMANDS, *(command for _, command in ROWS)}


@pytest.mark.parametrize("command", sorted(EVERY))
def test_a_command_names_files_that_are_there(command: str) -> None:
    for word in shlex.split(command):
        assert not word.startswith("tests/") or (ROOT / word).exists()


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(command for command in EVERY if " -k " in command))
def test_a_command_finds_tests_by_a_part_of_their_name(command: str) -> None:
    words = shlex.split(command.replace("-n auto", ""))
    argv = [sys.executable, "-m", *words, "-q", "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


def test_the_table_names_every_module() -> None:
    named = {name for modules, _ in ROWS for name in re.findall(r"`(\w+)`", modules)}
    package = Path(pixelgen.__file__).parent
    found = {path.parent.name for path in package.glob("*/__init__.py")}
    found |= {path.stem for path in package.glob("*.py")} - {"__init__"}
    assert named - {"perlin", "webdataset"} == found


def test_the_page_gives_the_order_of_imports() -> None:
    paragraph = re.search(r"^`cli` → .*?\n\n", TEXT, re.DOTALL | re.MULTILINE)
    assert paragraph
    assert ["__main__", *re.findall(r"`(\w+)`", paragraph[0])] == ORDER[::-1]


def test_the_table_of_folders_has_each_folder() -> None:
    table = TEXT.partition("| folder of `pixelgen` |")[2].partition("\n\n")[0]
    folders = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    found = {path.parent.name for path in Path(pixelgen.__file__).parent.glob("*/__init__.py")}
    assert sorted(folders) == sorted(found)


def test_the_page_has_the_command_of_the_readme() -> None:
    (command,) = re.findall(r"^python3 -m venv .*pytest.*$", TEXT, re.MULTILINE)
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_marker_is_explained(request: pytest.FixtureRequest) -> None:
    table = TEXT.partition("| marker |")[2].partition("\n\n")[0]
    explained = re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)
    markers = request.config.getini("markers")
    assert [f"{name}: {text}" for name, text in explained] == markers[: len(explained)]
