"""Mistakes that users make: each answer names the value, what is allowed and what to write."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pixelgen.cli import cli
from tests.support.advice import Console, follows_advice

MISTAKES = [
    # What was typed, words of the answer, and what it says to write, which is then run.
    ("generate 3", "'3' option -n", "-n 3"),
    ("generate 8x8", "'8x8' option -s", "-s 8x8"),
    ("generate -n 0.01k", "'0.01k' whole number 10", "-n 10"),
    ("generate -n 1e1", "'1e1' whole number 10", "-n 10"),
    ("generate -s 30,20", "'30,20' WIDTHxHEIGHT pixels 30x20", "-s 30x20"),
    ("generate -s '30 x 20'", "'30 x 20' WIDTHxHEIGHT pixels 30x20", "-s 30x20"),
    ("generate --family gaussian:sigma=10-50", "sigma=10-50 number range sigma=10..50",
     "--family gaussian:sigma=10..50"),
    ("generate --split 80/20", "'80/20' NAME=SHARE train=0.8,val=0.2",
     "--split train=0.8,val=0.2"),
    ("generate --color red --density 50", "density 50 0..1 percent 0.5",
     "--color red --density 0.5"),
    ("generate --for yolo", "'yolo' 'ultralytics' mmdet", "--for ultralytics"),
    ("generate --for pytorch", "'pytorch' 'torchvision' keras", "--for torchvision"),
    ("generate --for segmentation", "'segmentation' 'smp' mmdet", "--for smp"),
    ("generate --layout mask", "'mask' 'masks' yolo", "--layout masks"),
    ("generate --layout masks,yolo", "masks yolo Ultralytics two datasets", "--layout masks"),
    ("generate --layout coco:path=instances.json",
     "path=instances.json annotations/NAME.json annotations/instances_default.json",
     "--layout coco:path=annotations/instances_default.json"),
    ("generate --family noise", "'noise' 'uniform' perlin", "--family uniform"),
    ("generate --family clouds", "'clouds' 'fbm' 'plasma' voronoi", "--family fbm"),
    ("generate --layout imagenet", "'imagenet' 'imagefolder' webdataset", "--layout imagefolder"),
    ("generate -f jpe", "'jpe' 'jpeg' png webp", "-f jpeg"),
    ("generate --color '#12'", "'#12' #cef48e rgb red", "--color '#cef48e'"),
    ("generate --seed abc", "'abc' whole number 42", "--seed 42"),
    ("generate --mode CMYK", "'CMYK' 'rgb' 'l'", "--mode rgb"),
    ("generate --jobs 0", "0 x>=1", "--jobs 1"),
    ("generate --layuot yolo", "'--layuot' '--layout'", "--layout yolo"),
    ("generate --engine slurm", "'slurm' local dask", "--engine local"),
    ("generete", "'generete' 'generate' verify", ""),
]  # fmt: skip
SMALL = "-n 10 -s 24 -j 1 -q"


@pytest.mark.parametrize(("mistake", "words", "meant"), MISTAKES)
def test_a_mistake_is_answered_with_what_to_write(
    mistake: str, words: str, meant: str, console: Console
) -> None:
    answer = console.run(mistake, 2)
    assert len(answer.splitlines()) == 1
    assert [word for word in words.split() if word not in answer] == [], answer
    console.run(f"generate {SMALL} {meant} -o out")


@follows_advice("--family …")
def test_a_list_of_families_is_answered_with_an_option_for_each(console: Console) -> None:
    console.run("generate --family perlin,fbm", 2)
    options = console.last.partition("by itself: ")[2]
    console.run(f"generate {SMALL} {options}")


@follows_advice("give one, such as --color white")
def test_a_density_needs_a_color(console: Console) -> None:
    console.run("generate --density 0.5", 2)
    console.run(f"generate {SMALL} --density 0.5 --color white")


@follows_advice("it is an option of the command; give … on the command line")
def test_options_in_a_recipe_are_answered_with_where_they_go(console: Console) -> None:
    for key, answer in (("class", "label"), ("out", "--out"), ("for", "--for"),
                        ("noise", "family"), ("dry_run", "--dry-run"), ("o", "--out")):  # fmt: skip
        Path("recipe.toml").write_text(f'{key} = "x"')
        console.run("generate --recipe recipe.toml", 2)
        assert f"'{key}'" in console.last
        assert answer in console.last
    Path("recipe.toml").write_text('label = "x"')
    console.run(f"generate {SMALL} --recipe recipe.toml --for keras --out out")


def test_a_command_takes_one_dataset(console: Console) -> None:
    console.run("verify one two", 2)
    assert "'two'" in console.last
    assert "[DATASET]" in console.last


def test_a_directory_without_a_dataset_is_named(console: Console) -> None:
    console.run("verify", 1)
    assert "negatives" in console.last
    assert "pixelgen.json" in console.last


def test_the_examples_at_the_end_of_the_help_work(console: Console) -> None:
    text = CliRunner().invoke(cli, ["generate", "--help"]).output
    examples = re.findall(r"^ +pixelgen (generate .+)$", text.partition("Examples:")[2], re.M)
    assert len(examples) == 5
    for example in examples[:-1]:
        console.run(f"{re.sub(r'-n [0-9]+', '-n 2', example)} -q -j 1")
    assert shlex.split(examples[-1])[-4:] == ["-o", "-", ">", "one.png"]
