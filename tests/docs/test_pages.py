"""The pages: every command and example is run, and prints what the page says that it prints."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import pixelgen
from pixelgen import registry
from pixelgen.families.presets import PRESETS
from pixelgen.job import Job
from pixelgen.job_options import JobOptions
from pixelgen.manifest_rows import FETCHED
from pixelgen.source_images import SelectedImage
from pixelgen.source_images.folder import SUFFIXES
from pixelgen.trainers import TRAINERS, loader_calls
from tests.support.command import ROOT, Run
from tests.support.pages import PAGES, blocks, run_block, shell

README = ROOT / "README.md"
RUN = {"console", "python"}
EXAMPLES = [page for page in PAGES if RUN & {block.language for block in blocks(page)}]


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def main_command() -> str:
    """Return what the first command of the README runs once it has installed pixelgen."""
    (command,) = re.findall(r"&& \.venv/bin/(pixelgen generate .+)", README.read_text())
    return str(command)


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.stem)
def test_every_command_and_example_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    if page.stem == "CONTRIBUTING":
        pytest.skip("its commands run the tests themselves; test_contributing.py checks them")
    if page == README:
        shell(main_command(), tmp_path)
    for block in blocks(page):
        run_block(block, tmp_path)


def test_most_pages_have_commands_or_examples() -> None:
    assert len(EXAMPLES) >= 9


@pytest.mark.cli
@pytest.mark.slow
def test_the_first_command_of_the_readme_prints_what_it_says(tmp_path: Path) -> None:
    (shown,) = (block.text for block in blocks(README) if block.language == "text")
    speed = re.compile(r"[\d.,]+ images/s, [\d.,]+ [kMG]?B/s")
    assert speed.sub("", shell(main_command(), tmp_path)) == speed.sub("", shown)


def test_the_readme_is_one_screen_and_a_page() -> None:
    whole = README.read_text(encoding="utf-8")
    assert len(whole.splitlines()) <= 160
    assert len(whole.encode()) <= 9000
    first_screen = "\n".join(whole.splitlines()[:25])
    assert "pixelgen generate" in first_screen
    assert "metadata.jsonl" in first_screen
    assert "![" in first_screen


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("page", [README, ROOT / "docs/quickstart.md"], ids=lambda page: page.stem)
def test_the_makefile_runs_once_and_resumes_after_an_interruption(
    page: Path, tmp_path: Path
) -> None:
    (makefile,) = (block.text for block in blocks(page) if block.language == "make")
    save_recipe(page, tmp_path)
    (tmp_path / "Makefile").write_text(makefile)
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
def test_a_dataset_is_replaced_after_its_recipe_was_edited(tmp_path: Path) -> None:
    page = ROOT / "docs/quickstart.md"
    (makefile,) = (block.text for block in blocks(page) if block.language == "make")
    (command,) = re.findall(r"`(pixelgen generate [^`]+ --force)`", page.read_text())
    save_recipe(page, tmp_path)
    (tmp_path / "Makefile").write_text(makefile)
    recipe = tmp_path / "negatives.toml"

    shell("make", tmp_path)
    recipe.write_text(recipe.read_text().replace("seed = 7", "seed = 8"))
    refused = shell("make; true", tmp_path)
    assert "seed is 0x7, not 0x8" in refused
    assert "--force" in refused
    shell(command, tmp_path)
    assert "up to date" in shell("make", tmp_path)
    (tmp_path / "Makefile").write_text(makefile.replace(" -q", " -q --force"))
    recipe.write_text(recipe.read_text().replace("seed = 8", "seed = 9"))
    shell("make", tmp_path)
    assert pixelgen.load(tmp_path / "data/negatives").rows[0]["seed"] == "0x9"


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("page", [README, ROOT / "docs/quickstart.md"], ids=lambda page: page.stem)
def test_the_ci_steps_pass(page: Path, tmp_path: Path) -> None:
    save_recipe(page, tmp_path)
    (steps,) = (block.text for block in blocks(page) if block.text.startswith("steps:"))
    commands = re.findall(r"- run: (.+)", steps)

    assert len(commands) == 2
    assert '"state": "complete"' in shell(commands[0], tmp_path)
    assert "no damage" in shell(commands[1], tmp_path)


def save_recipe(page: Path, folder: Path) -> None:
    (recipe,) = (block.text for block in blocks(page) if block.language == "toml")
    (folder / "negatives.toml").write_text(recipe)


def test_the_row_of_the_manifest_is_the_first_of_the_example(run: Run, tmp_path: Path) -> None:
    run("generate", "-n", 1000, "-s", "300x300", "-o", "negatives")
    first, _, _ = (tmp_path / "negatives/metadata.jsonl").read_text().partition("\n")
    shown = [each.text for each in blocks(ROOT / "docs/layouts.md") if each.language == "json"]

    assert shown == [first + "\n"]


def test_the_table_of_columns_has_those_of_every_manifest(tmp_path: Path) -> None:
    jobs = [
        Job(count=8, size=16),
        Job(count=8, size=16, color="red", layout="webdataset", split="train=0.5,val=0.5"),
        Job(count=8, size=16, layout="imagefolder", label="noise", family="solid"),
        Job(count=8, size=16, family=f"pixel_shuffle:source={tmp_path}/0/images"),
    ]
    columns = {*FETCHED, *SelectedImage._fields}
    for number, job in enumerate(jobs):
        pixelgen.generate(job, tmp_path / str(number), jobs=1)
        columns |= pixelgen.load(tmp_path / str(number)).rows[0].keys()
    table = text("layouts.md").partition("| column |")[2].partition("\n\n")[0]
    names = " ".join(line.split(" | ")[0] for line in table.splitlines()[2:])

    assert set(re.findall(r"`(\w+)`", names)) == columns


def test_the_table_of_remote_options_is_that_of_the_help(run: Run) -> None:
    shown = run("generate", "--help").stdout.partition("PixLab:")[2]
    options = set(re.findall(r"^  (--[a-z-]+)", shown, re.MULTILINE))
    table = text("pixlab.md").partition("| option |")[2].partition("\n\n")[0]

    named = " ".join(line.split(" | ")[0] for line in table.splitlines()[2:])
    assert set(re.findall(r"`(--[a-z-]+)`", named)) == options


def test_the_readme_counts_the_families() -> None:
    assert f"{len(registry.components('family'))} families" in README.read_text(encoding="utf-8")


def rows(page: str, head: str) -> dict[str, list[str]]:
    """Return the rows of a table by the name in their first cell, without its marks."""
    table = text(page).partition(f"| {head} |")[2].partition("\n\n")[0]
    cells = (line.strip("| ").split(" | ") for line in table.splitlines()[2:])
    return {first.strip("+ `"): others for first, *others in cells}


def test_the_table_of_layouts_has_the_printed_calls() -> None:
    table = rows("layouts.md", "layout")
    assert set(table) == set(registry.components("layout"))
    for name, component in registry.components("layout").items():
        beside = getattr(component, "containers", None)
        layout = name if beside is None else f"{(*beside, 'files')[0]},{name}"
        job = Job.parse(count=1000, layout=layout)
        (own,) = (each for each in job.layout.components if each.name == name)
        call = own.loader("negatives", job.info)
        assert table[name][1] == f"`{call}`" if call else ".md" in table[name][1]


def test_the_table_of_trainers_has_their_calls_and_limits() -> None:
    table = rows("trainers.md", "`--for`")
    assert set(table) == set(TRAINERS)
    for name, trainer in TRAINERS.items():
        job = Job.parse(count=1000, layout=trainer.layout)
        layout, takes, call = table[name]
        assert layout == f"`{job.layout}`"
        assert takes.partition(";")[0] == ", ".join(trainer.formats)
        assert (f"sides from {trainer.min_side}" in takes) == (trainer.min_side > 1)
        assert [call.strip("`")] == loader_calls(trainer, job, "negatives")


@pytest.mark.parametrize(
    ("page", "head", "names"),
    [
        ("choosing.md", "family", registry.components("family")),
        ("choosing.md", "preset", PRESETS),
        ("quickstart.md", "format", registry.components("format")),
    ],
)
def test_the_lists_of_families_presets_and_formats_are_complete(
    page: str, head: str, names: Iterable[str]
) -> None:
    assert set(rows(page, head)) == set(names)


def test_the_suffixes_of_images_that_are_read_are_listed() -> None:
    answer = text("your-images.md").partition("## Which files are read?\n")[2].partition(".\n\n")[0]
    assert re.findall(r"`\.([a-z0-9]+)`", answer.partition(" All others")[0]) == [*SUFFIXES]


def test_the_keys_of_a_recipe_are_all_listed() -> None:
    listed = text("quickstart.md").partition("A recipe may hold ")[2].partition("`classes` may ")[0]
    assert set(re.findall("`([a-z_]+)`", listed)) == set(JobOptions.__annotations__)
