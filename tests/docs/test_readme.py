"""The README: every command is run, and what it is said to print is what it prints."""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from pixelgen import registry
from pixelgen.families.presets import PRESETS
from pixelgen.job import Job
from pixelgen.trainers import TRAINERS, loader_calls
from tests.support.command import COMMAND, ROOT, Run

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRESS = re.compile(r"^(?:created|checked) [\d,]+ of [\d,]+ images, .+\n", re.MULTILINE)
SURROUNDINGS = os.environ | {
    "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}",
    "HF_HUB_OFFLINE": "1",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def shell(command: str, folder: Path) -> str:
    """Run a line of bash and return what it says, stderr first.

    Lines of progress are dropped: they appear only where a run takes over ten seconds.
    """
    done = subprocess.run(
        ["bash", "-c", command], check=False, cwd=folder, env=SURROUNDINGS,
        capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return PROGRESS.sub("", done.stderr) + done.stdout


@pytest.mark.cli
@pytest.mark.slow
def test_every_command_and_example_prints_what_the_readme_says(tmp_path: Path) -> None:
    ran = 0
    for language, block in re.findall(
        r"^```(console|python)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE
    ):
        run_block = run_console if language == "console" else run_python
        ran += run_block(block, tmp_path)
    assert ran >= 30


def run_console(block: str, folder: Path) -> int:
    """Run the commands of a block and compare what they say; return how many there were."""
    checker = doctest.OutputChecker()
    examples = re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    for command, expected in examples:
        said = shell(command, folder)
        assert checker.check_output(expected, said, doctest.ELLIPSIS), f"$ {command}\n{said}"
    return len(examples)


def run_python(code: str, folder: Path) -> int:
    """Run a block, whose prints tell in a comment what they print; or save it under its name."""
    if named := re.match(r"# (\w+\.py)\n", code):
        compile(code, named[1], "exec")
        (folder / named[1]).write_text(code)
        return 1
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=folder, capture_output=True, text=True,
        env=SURROUNDINGS | {"HF_HOME": str(folder / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = re.findall(r"^print\(.*\)  # (.+)$", code, re.MULTILINE)
    assert expected
    assert done.stdout.splitlines()[-len(expected) :] == expected
    return 1


@pytest.mark.cli
@pytest.mark.slow
def test_the_makefile_runs_once_and_resumes_after_an_interruption(tmp_path: Path) -> None:
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


@pytest.mark.cli
@pytest.mark.slow
def test_the_ci_steps_pass(tmp_path: Path) -> None:
    (tmp_path / "negatives.toml").write_text(blocks("toml")[0])
    (steps,) = (block for block in blocks("yaml") if block.startswith("steps:"))
    commands = re.findall(r"- run: (.+)", steps)

    assert len(commands) == 2
    assert '"state": "complete"' in shell(commands[0], tmp_path)
    assert "no damage found" in shell(commands[1], tmp_path)


def test_the_row_of_the_manifest_is_the_first_of_the_example(run: Run, tmp_path: Path) -> None:
    run("generate", "-n", 1000, "-s", "300x300", "-o", "negatives")
    first, _, _ = (tmp_path / "negatives/metadata.jsonl").read_text().partition("\n")

    assert blocks("json") == [first + "\n"]


def test_the_tables_of_options_are_those_of_the_help(run: Run) -> None:
    options = set(re.findall(r"(--[a-z-]+)", run("generate", "--help").stdout))
    tables = TEXT.partition("## Options of `generate`")[2].partition("Standard output")[0]
    tables += TEXT.partition("### Images from it")[2].partition("A request is tried")[0]
    named = set(re.findall(r"^\| (.+?) \|", tables, re.MULTILINE))

    assert set(re.findall(r"`(--[a-z-]+)`", " ".join(named))) == options - {"--help"}


@pytest.mark.parametrize("named", re.findall(r"`([\w/]+\.py::\w+)`", TEXT))
def test_every_guarantee_names_an_existing_test(named: str) -> None:
    file, _, name = named.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text()


def rows(head: str) -> dict[str, list[str]]:
    """Return the rows of a table by the name in their first cell, without its marks."""
    table = TEXT.partition(f"| {head} |")[2].partition("\n\n")[0]
    cells = (line.strip("| ").split(" | ") for line in table.splitlines()[2:])
    return {first.strip("+ `"): others for first, *others in cells}


def test_the_table_of_layouts_has_the_printed_calls() -> None:
    table = rows("layout")
    assert set(table) == set(registry.components("layout"))
    for name, part in registry.components("layout").items():
        beside = getattr(part, "containers", None)
        layout = name if beside is None else f"{(*beside, 'files')[0]},{name}"
        job = Job.parse(count=1000, layout=layout)
        (own,) = (each for each in job.layout.components if each.name == name)
        call = own.loader("negatives", job.info)
        assert table[name][1] == f"`{call}`" if call else "see below" in table[name][1]


def test_the_table_of_trainers_has_their_calls_and_limits() -> None:
    table = rows("`--for`")
    assert set(table) == set(TRAINERS)
    for name, trainer in TRAINERS.items():
        job = Job.parse(count=1000, layout=trainer.layout)
        layout, takes, call = table[name]
        assert layout == f"`{job.layout}`"
        assert takes.partition(";")[0] == ", ".join(trainer.formats)
        assert (f"sides from {trainer.min_side}" in takes) == (trainer.min_side > 1)
        assert [call.strip("`")] == loader_calls(trainer, job, "negatives")


@pytest.mark.parametrize(
    ("head", "names"), [("family", registry.components("family")), ("preset", PRESETS)]
)
def test_the_lists_of_families_formats_and_layouts_are_complete(
    head: str, names: Iterable[str]
) -> None:
    table = TEXT.partition(f"| {head} |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(names)


@pytest.mark.parametrize("word", re.findall(r"docs/[a-z.]+", TEXT))
def test_every_picture_of_the_readme_exists(word: str) -> None:
    assert (ROOT / word).stat().st_size > 1000
