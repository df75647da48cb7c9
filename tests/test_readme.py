"""The README: every command is run, and what it is said to print is what it prints."""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from pixelgen import parts
from pixelgen.families.presets import PRESETS
from tests.conftest import COMMAND, Run

TEXT = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SURROUNDINGS = os.environ | {
    "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}",
    "HF_HUB_OFFLINE": "1",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def shell(command: str, folder: Path) -> str:
    """Run a line of bash and return what it says, stderr first."""
    done = subprocess.run(
        ["bash", "-c", command], check=False, cwd=folder, env=SURROUNDINGS,
        capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr + done.stdout


def test_every_console_command_prints_what_the_readme_says(tmp_path: Path) -> None:
    checker = doctest.OutputChecker()
    examples = re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", "".join(blocks("console")), re.MULTILINE)
    assert len(examples) >= 12
    for command, expected in examples:
        said = shell(command, tmp_path)
        assert checker.check_output(expected, said, doctest.ELLIPSIS), f"$ {command}\n{said}"


def test_the_python_examples_run(tmp_path: Path) -> None:
    shell("pixelgen generate -q -n 20 -s 300", tmp_path)
    for code in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, cwd=tmp_path, capture_output=True, text=True,
            env=SURROUNDINGS | {"HF_HOME": str(tmp_path / "cache")},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "17" in code
        assert done.stdout in ("(300, 300) 17\n", "1000 (300, 300, 3) uint8\n")


def test_the_makefile_makes_once_and_goes_on_after_an_interruption(tmp_path: Path) -> None:
    (tmp_path / "negatives.toml").write_text(blocks("toml")[0])
    (tmp_path / "Makefile").write_text(blocks("make")[0])
    manifest = tmp_path / "data/negatives/metadata.jsonl"

    assert "pixelgen generate" in shell("make", tmp_path)
    assert "up to date" in shell("make", tmp_path)
    manifest.unlink()
    assert "pixelgen generate" in shell("make", tmp_path)
    os.utime(manifest, (1, 1))
    assert "pixelgen generate" in shell("make", tmp_path)
    assert "up to date" in shell("make", tmp_path)


def test_the_ci_steps_pass(tmp_path: Path) -> None:
    (tmp_path / "negatives.toml").write_text(blocks("toml")[0])
    commands = re.findall(r"- run: (.+)", blocks("yaml")[0])

    assert len(commands) == 2
    assert '"status": 200' in shell(commands[0], tmp_path)
    assert "all well" in shell(commands[1], tmp_path)


def test_the_row_of_the_manifest_is_the_first_of_the_example(run: Run, tmp_path: Path) -> None:
    run("generate", "-n", 1000, "-s", "300x300", "-o", "negatives")
    first, _, _ = (tmp_path / "negatives/metadata.jsonl").read_text().partition("\n")

    assert blocks("json") == [first + "\n"]


def test_the_table_of_options_is_that_of_the_help(run: Run) -> None:
    told = set(re.findall(r"(--[a-z-]+)", run("generate", "--help").stdout))
    table = TEXT.partition("## Options of `generate`")[2].partition("Standard output")[0]

    assert set(re.findall(r"`(--[a-z-]+)`", table)) == told - {"--help"}


@pytest.mark.parametrize("named", re.findall(r"`([\w/]+\.py::\w+)`", TEXT))
def test_every_promise_names_a_test_that_is_there(named: str) -> None:
    file, _, name = named.partition("::")
    assert f"def {name}(" in (Path(__file__).parent / file).read_text()


@pytest.mark.parametrize(
    ("head", "names"), [("family", parts.known("family")), ("preset", PRESETS)]
)
def test_the_catalogue_is_told_whole(head: str, names: Iterable[str]) -> None:
    table = TEXT.partition(f"| {head} |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(names)


@pytest.mark.parametrize("word", re.findall(r"docs/[a-z.]+", TEXT))
def test_every_picture_is_there(word: str) -> None:
    assert (Path(__file__).parent.parent / word).stat().st_size > 1000
