"""Options that several commands share: headings, repetition, paths, and what --json does early."""

import json
import os
import re
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from PIL import Image

from pixelgen.cli import cli, main
from pixelgen.cli.command import HeadedCommand
from pixelgen.source_images import MOST_PIXELS, WARNED_PIXELS
from tests.support.command import Run

HEADINGS = ["What to draw", "Output", "Running", "PixLab"]


def test_the_help_of_generate_shows_every_option_under_its_heading() -> None:
    text = CliRunner().invoke(cli, ["generate", "--help"]).output
    places = [text.index(f"\n{heading}:\n") for heading in HEADINGS]
    assert places == sorted(places)
    for option, heading in (
        ("--family", 0), ("--seed", 0), ("--count", 0), ("--layout", 1), ("--out", 1),
        ("--partition", 2), ("--json", 2), ("--remote-url", 3), ("--key-file", 3),
    ):  # fmt: skip
        shown = re.search(rf"^  (-\w, )?(--[\w-]+, )*{option}\b", text, re.MULTILINE)
        assert shown, option
        place = shown.start()
        end = [*places[1:], len(text)][heading]
        assert places[heading] < place < end, option


def test_every_option_of_every_command_has_help() -> None:
    for name in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), name)
        assert isinstance(command, HeadedCommand), name
        with command.make_context(name, [], resilient_parsing=True) as context:
            text = command.get_help(context)
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.opts[-1] in text, (name, parameter.opts)


def generate(tmp_path: Path, *options: str) -> dict[str, object]:
    """Generate a dataset; return the fields of its job."""
    command = ["generate", "-n", "4", "-s", "8", "-q", "-j", "1", "-o", str(tmp_path / "out")]
    assert main([*command, *options]) == 0
    job = json.loads((tmp_path / "out/pixelgen.json").read_text())["job"]
    assert isinstance(job, dict)
    return job


def test_layouts_and_splits_add_up_when_they_are_repeated(tmp_path: Path) -> None:
    job = generate(tmp_path, "--layout", "coco", "--layout", "yolo,csv", "--split", "a=0.5",
                   "--split", "b=0.5")  # fmt: skip
    assert job["layout"] == "files,coco,csv,yolo"
    assert job["split"] == "a=1/2,b=1/2"


def test_sidecars_that_are_added_later_add_up_too(tmp_path: Path) -> None:
    generate(tmp_path)
    assert main(["index", str(tmp_path / "out"), "--layout", "coco", "--layout", "yolo"]) == 0
    assert (tmp_path / "out/coco.json").exists()
    assert (tmp_path / "out/data.yaml").exists()


def test_two_classes_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["generate", "-n", "2", "-s", "8", "-o", str(tmp_path / "out")]
    assert main([*command, "--class", "cat", "--class", "dog"]) == 2
    assert "--class is given 2 times" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_users_folder_is_expanded_where_the_shell_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    generate(tmp_path)
    (tmp_path / "out/images").rename(tmp_path / "photos")
    command = ["generate", "-n", "2", "-s", "8", "-q", "-j", "1"]
    family = "--family=patch_shuffle:patch=4,source=~/photos"
    assert main([*command, "--out=~/made", family]) == 0
    job = json.loads((tmp_path / "made/pixelgen.json").read_text())["job"]
    assert f"source={tmp_path}/photos" in job["family"]
    assert main(["verify", "~/made", "-q"]) == 0

    recipe = tmp_path / "recipe.toml"
    recipe.write_text('count = 2\nsize = 8\nfamily = "patch_shuffle:patch=4,source=~/photos"\n')
    assert main(["generate", "--recipe=~/recipe.toml", "--out=~/made", "-q"]) == 0
    assert main(["preview", "~/made", "-o", "~/sheet.png"]) == 0
    assert (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["generate", "--json", "--bogus"],
        ["generate", "--bogus", "--json"],
        ["generate", "--count", "many", "--json"],
        ["generate", "--size", "0x5", "--json"],
        ["verify", "nowhere", "--json"],
    ],
)
def test_a_failure_is_json_where_json_was_asked_for(
    command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    code = main(command)
    out, err = capfd.readouterr()
    failure = json.loads(out)
    assert failure["exit_code"] == code
    assert err == f"pixelgen: {failure['error']}\n"


def test_a_failure_is_one_line_where_json_is_the_value_of_an_option(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "--out", "--json", "--size", "0x5"]) == 2
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "incomplete", "found"),
    [
        (["generate"], "--part", "--partition"),
        (["generate", "--family"], "per", "perlin"),
        (["generate", "--limit"], "str", "stripes"),
        (["generate", "--layout"], "files,co", "files,coco"),
        (["generate", "--engine"], "da", "dask"),
        (["verify"], "", "file"),
        (["generate", "--out"], "", "file"),
        (["generate", "--recipe"], "", "file"),
        (["preview", "--out"], "", "file"),
    ],
)
def test_names_and_paths_complete(arguments: list[str], incomplete: str, found: str) -> None:
    shell = ShellComplete(cli, {}, "pixelgen", "_PIXELGEN_COMPLETE")
    completions = shell.get_completions(arguments, incomplete)
    assert found in {each.value for each in completions} | {each.type for each in completions}


@pytest.mark.cli
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str, run: Run) -> None:
    done = run(_PIXELGEN_COMPLETE=f"{shell}_source")
    assert done.returncode == 0
    assert "pixelgen" in done.stdout
    assert os.linesep in done.stdout


@pytest.mark.parametrize(
    ("side", "options", "word"),
    [(9459, (), ""), (9460, (), "warns"), (13_378, (), "refuses"), (9460, ("-f", "npy"), ""),
     (9460, ("-q",), "")],
)  # fmt: skip
def test_images_that_pillow_does_not_open_by_itself_are_noted_with_the_setting(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    side: int,
    options: tuple[str, ...],
    word: str,
) -> None:
    assert Image.MAX_IMAGE_PIXELS == WARNED_PIXELS
    assert MOST_PIXELS == 2 * WARNED_PIXELS
    out = str(tmp_path / "new")
    assert main(["generate", "--dry-run", "-n", "1", "-s", str(side), "-o", out, *options]) == 0
    notes = re.findall("note: (Pillow .*)", capfd.readouterr().err)

    assert len(notes) == bool(word)
    for note in notes:
        assert word in note
        assert f"{side}x{side}" in note
        assert "PIL.Image.MAX_IMAGE_PIXELS = None" in note


def test_the_setting_opens_an_image_that_pillow_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 31)  # of 8x8: more than twice as many
    generate(tmp_path)
    path = tmp_path / "out/images/000000.png"
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with Image.open(path) as image:
        assert image.size == (8, 8)
