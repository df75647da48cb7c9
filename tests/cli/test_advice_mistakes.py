"""Mistakes that users make: each answer names the value, what is allowed and what to write."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pixelgen.cli import cli
from tests.support.advice import Console, follows_advice, photos

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
    ("generate --family deafult", "'deafult' 'default' perlin classic ninco17",
     "-s 64 --family default"),
    ("generate --family clasic", "'clasic' 'classic' perlin", "-s 64 --family classic"),
    ("generate --family ninco", "'ninco' 'ninco17' perlin", "-s 64 --family ninco17"),
    ("generate --family uniform,clasic", "'clasic' 'classic' perlin",
     "-s 64 --family uniform --family classic"),
    ("generate --family clouds", "'clouds' 'fbm' 'plasma' voronoi", "--family fbm"),
    ("generate --layout imagenet", "'imagenet' 'imagefolder' webdataset", "--layout imagefolder"),
    ("generate -f jpe", "'jpe' 'jpeg' png webp", "-f jpeg"),
    ("generate --color '#12'", "'#12' #cef48e rgb red", "--color '#cef48e'"),
    ("generate --seed abc", "'abc' whole number from 0 to 2**128-1 random 42", "--seed 42"),
    ("generate --seed -1", "'-1' whole number from 0 to 2**128-1 random", "--seed random"),
    ("generate --seed 340282366920938463463374607431768211456",
     "'340282366920938463463374607431768211456' whole number from 0 to 2**128-1 0x2a",
     "--seed 0x2a"),
    ("generate --mode CMYK", "'CMYK' RGB LA", "--mode RGB"),
    ("generate --mode gray", "'gray' 'L' RGBA", "--mode L"),
    ("generate --grayscale", "'--grayscale' --mode L", "--mode L"),
    ("generate --jobs 0", "'0' 1 or more --jobs 2", "--jobs 2"),
    ("verify -j all", "'all' 1 or more --jobs 2", "--jobs 2"),
    ("generate --for webdataset", "'webdataset' --layout webdataset torchvision",
     "--layout webdataset"),
    ("generate --for wds", "'wds' --layout webdataset ultralytics", "--layout webdataset"),
    ("generate --family gaussian:sigma=20:mean=3", "sigma=20:mean=3 number sigma=20,mean=3",
     "--family gaussian:sigma=20,mean=3"),
    ("generate --family stripes:tone=primary:n=3", "tone=primary:n=3 random tone=primary,n=3",
     "--family stripes:tone=primary,n=3"),
    ("generate -s 16..64 --family smooth:sigma=5..10", "sigma=10.0 16x16 6.4 smaller side=25",
     "-s 16..64 --family smooth:sigma=5..10,side=25"),
    ("generate -s 16 --family smooth:sigma=7", "sigma=7.0 6.4", "-s 16 --family smooth:sigma=6.4"),
    ("generate -s 16 --family blobs:sigma=4", "16x16 sigma=4.0 p=0.7 threshold=0.75 3.1 smaller",
     "-s 16 --family blobs:sigma=3.1"),
    ("generate --family blobs:p=0", "p=0.0 threshold=0.75 no sigma larger p smaller threshold",
     "--family blobs:p=0.8"),
    ("list family", "'family' 'families' presets", ""),
    ("list models", "'models' families trainers", ""),
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


SIZES = [
    # What was typed, and each size that the answer says to write.
    ("32,64", ["32x64", "32|64"]),
    ("32x24,64x48", ["32x24|64x48"]),
    ("32x24 64x48", ["32x24|64x48"]),
    ("32,48,64", ["32|48|64"]),
    ("32..64..96", ["32..96"]),
    ("64|", ["64"]),
    ("[32..64,96]", ["32..64|96"]),
    ("32x24-64x48", ["32x24..64x48"]),
    ("64-32", []),
    ("big", ["300x200", "300", "256..640", "320x240|640x480"]),
]


@pytest.mark.parametrize(("typed", "meant"), SIZES)
def test_a_wrong_size_is_answered_with_those_that_may_be_meant(
    typed: str, meant: list[str], console: Console
) -> None:
    answer = console.run(f"generate -s {shlex.quote(typed)}", 2)
    grammar, _, advice = answer.partition("; write ")
    assert "WIDTHxHEIGHT in pixels, a range LOW..HIGH, or a list A|B of these" in grammar
    words = [word.rstrip(",") for word in shlex.split(advice)]
    assert [word for word in meant if word not in words] == []
    for size in meant:
        console.run(f"generate -n 3 -j 1 -q -s {shlex.quote(size)} --dry-run")


@follows_advice(
    "a whole number of pixels; write a range or a list as size (--size)",
    "… must be a whole number of pixels; write a range or a list as --size: --size 256..640",
)
def test_a_side_that_is_a_range_is_answered_with_a_size(console: Console) -> None:
    for option in ("--width 32..64", "--height '32|64'"):
        assert option[-6:-1] in console.run(f"generate {option}", 2)
    console.run("generate -n 3 -j 1 -q --size 256..640 --dry-run")
    for recipe in ('width = "32..64"', 'size = "32..64"'):
        Path("recipe.toml").write_text(recipe)
        console.run("generate -n 3 --recipe recipe.toml --dry-run", 2 * ("width" in recipe))
    Path("recipe.toml").write_text('size = ["32..64", "96"]')
    assert "'32..64|96'" in console.run("generate --recipe recipe.toml", 2)


@follows_advice("--family …")
def test_a_list_of_families_is_answered_with_an_option_for_each(console: Console) -> None:
    for mistake in (
        "perlin,fbm",
        "perlin=2,stripes=3:n=2..3,tone='random|primary'",
        "classic,odin=0.5",
    ):
        console.run(f"generate --family {mistake}", 2)
        options = console.last.partition("by itself: ")[2]
        console.run(f"generate {SMALL} {options} --force")
    assert "'fmb'" in console.run("generate --family perlin,fmb", 2)


@follows_advice(
    "write the weights with fewer digits",
    "reads no images and has no parameters; remove",
    "it has only the parameter source; write …:source=DIR",
    "needs your images; write …:source=DIR",
    "must be a whole number from 1 to …; write …@50",
    "cannot have a limit (@…), as only families can; remove it",
)
def test_weights_and_parameters_of_presets_are_answered_with_what_is_allowed(
    console: Console,
) -> None:
    photos(32, 40)
    for mistake, words, meant in (
        ("perlin=99999.999", "add up to 100,000,999 at most 100,000 fewer digits", "perlin=1000"),
        ("perlin=100000", "add up to 100,001 at most 100,000 fewer digits", "perlin=99999"),
        ("perlin=100001", "'100001' 0.001 to 100000 three decimals", "perlin=99999"),
        ("perlin=1/3", "'1/3' 0.001 to 100000 three decimals", "perlin=0.333"),
        ("odin=2:source=photos", "'odin' reads no images ':source=photos'", "odin=2"),
        ("odin:sigma=3", "'odin' no parameters ':sigma=3'", "odin"),
        ("ninco17=2:sigma=3", "'sigma=3' only source DIR", "ninco17=2:source=photos"),
        ("perlin=2@x", "'perlin=2' 'x' 1 to 999999999 perlin=2@50", "perlin=2@50"),
        ("odin=2@5", "'odin' limit @5 only families remove", "odin=2"),
        ("ceda", "needs your images ceda:source=DIR", "ceda:source=photos"),
    ):
        answer = console.run(f"generate --family uniform --family {mistake}", 2)
        assert [word for word in words.split() if word not in answer] == [], answer
        console.run(f"generate {SMALL} --family uniform --family {meant} --force")


@follows_advice("for the images after them; remove a limit")
def test_a_mixture_whose_families_all_have_limits_is_refused(console: Console) -> None:
    console.run("generate --family uniform@5 --family perlin@5", 2)
    assert "uniform@5 + perlin@5" in console.last
    console.run(f"generate {SMALL} --family uniform@5 --family perlin")


@follows_advice(
    "… must be a family and a whole number from 1 to 999999999; write --limit …=50",
    "--limit needs a mixture of families; give a preset, as --family default, or several --family",
    "--limit is given twice for family …; give it once",
    "it has a limit already (@…); remove one of the two",
    "in the mixture, to …; write …=…",
)
def test_limits_of_families_are_answered_with_what_is_allowed(console: Console) -> None:
    mixed = "--family default --family perlin"
    for mistake, words, meant in (
        ("--limit stripes=5", "--limit mixture --family", "--limit stripes=5 --family default"),
        (f"{mixed} --limit fbm=5", "'fbm' not in the mixture uniform stripes perlin",
         f"{mixed} --limit perlin=5"),
        (f"{mixed} --limit strips=5", "'strips' 'stripes'", f"{mixed} --limit stripes=5"),
        (f"{mixed} --limit crop=5", "'crop' not in the mixture uniform stripes perlin",
         f"{mixed} --limit perlin=5"),
        (f"{mixed} --limit default=5", "'default' preset only a family one of uniform, stripes",
         f"{mixed} --limit uniform=5"),
        (f"{mixed} --limit deafult=5", "'deafult' 'default' preset only a family uniform stripes",
         f"{mixed} --limit uniform=5"),
        (f"{mixed} --limit stripes=1", "'stripes' to 1 from 2 members stripes=2",
         f"{mixed} --limit stripes=2"),
        (f"{mixed} --limit Stripes@5", "'Stripes@5' Stripes=50", f"{mixed} --limit Stripes=50"),
        (f"{mixed} --limit 5", "'5' 1 to 999999999", f"{mixed} --limit stripes=5"),
        (f"{mixed} --limit =5", "'=5' stripes=50", f"{mixed} --limit stripes=50"),
        (f"{mixed} --limit perlin=0", "'perlin=0' from 1 perlin=50", f"{mixed} --limit perlin=50"),
        (f"{mixed} --limit perlin=5 --limit Perlin=6", "'perlin' twice once",
         f"{mixed} --limit perlin=6"),
        (f"{mixed}@5 --limit perlin=6", "already @5 remove", f"{mixed} --limit perlin=6"),
    ):  # fmt: skip
        answer = console.run(f"generate {SMALL} {mistake}", 2)
        assert len(answer.splitlines()) == 1
        assert [word for word in words.split() if word not in answer] == [], answer
        assert console.run(f"preview {mistake}", 2) == answer
        console.run(f"generate {SMALL} {meant} --force")


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


def test_a_folder_of_images_is_the_source_of_a_family(console: Console) -> None:
    photos(30, 40)
    for mistake in (
        "--source photos",
        "--source=photos",
        "--family patch_shuffle:source=photos:patch=4",
    ):
        console.run(f"generate {mistake}", 2)
        assert "source=" in console.last
        written = console.last.rpartition("write ")[2]
        family = "" if written.startswith("--family") else "--family patch_shuffle:"
        console.run(f"generate {SMALL} {family}{written.replace('DIR', 'photos')} -o out --force")


def test_an_unknown_key_of_a_recipe_is_answered_with_the_key(console: Console) -> None:
    Path("recipe.toml").write_text('families = ["perlin", "fbm"]')
    console.run("generate --recipe recipe.toml", 2)
    assert "'families' in the recipe recipe.toml: did you mean 'family'?" in console.last
    Path("recipe.toml").write_text('family = ["perlin", "fbm"]')
    console.run(f"generate {SMALL} --recipe recipe.toml -o out")


@pytest.mark.parametrize("content", ['{"images": []}', "[]", '{"job": []}', "{}"])
def test_a_json_file_that_is_no_plan_is_not_a_recipe(content: str, console: Console) -> None:
    Path("coco.json").write_text(content)
    said = console.run("generate --recipe coco.json -o out", 2)
    wanted = "must be a TOML file or the pixelgen.json of a dataset"
    assert said.strip().endswith(f"coco.json {wanted}: it has no object with the name 'job'")
    console.run(f"generate {SMALL} -o set")
    console.run("generate -q -j 1 --recipe set/pixelgen.json -o out")


@follows_advice("Without --family, generate draws uniform; default is the name of a preset.")
def test_default_is_the_name_of_a_preset(console: Console) -> None:
    console.run("list presets")
    for option, is_uniform in (("", True), ("--family default", False)):
        console.run(f"generate -n 20 -s 64 -j 1 -q {option} -o set --force")
        rows = map(json.loads, Path("set/metadata.jsonl").read_text().splitlines())
        assert ({row["generator"] for row in rows} == {"uniform"}) == is_uniform


def test_a_dataset_without_images_is_noted(console: Console) -> None:
    said = console.run("generate -n 0 -o out")
    assert "the dataset is empty" in said
    assert "write -n 100" in said
    console.run("generate -n 100 -s 8 -j 1 -q -o other")


def test_trainers_are_listed(console: Console) -> None:
    names = [line.split()[0] for line in console.run("list trainers").splitlines()]
    assert "mmdet" in names
    for each in json.loads(console.run("list trainers --json")):
        assert each["name"] in names
        console.run(f"generate -n 10 -s 32 -j 1 -q --for {each['name']} -o {each['name']}")


def test_a_command_takes_one_dataset(console: Console) -> None:
    console.run("verify one two", 2)
    assert "'two'" in console.last
    assert "[DATASET]" in console.last


@pytest.mark.parametrize("place", ["", "nowhere", "empty", "file", "file/below"])
@pytest.mark.parametrize(
    "command",
    ["verify", "repair", "status", "index --layout coco", "remove --index 1", "finish", "preview",
     "remove --where family=uniform", "merge --into own -o joined.json", "finish new whole"],
)  # fmt: skip
def test_a_directory_without_a_dataset_is_a_usage_error(
    command: str, place: str, console: Console
) -> None:
    Path("empty").mkdir()
    Path("file").touch()
    if command.startswith("finish"):
        console.run(f"generate {SMALL} -o whole")
        place = place or "negatives"
    if command == "preview":  # of a family, without a dataset
        place = place or "negatives"
    answer = console.run(f"{command} {place}", 2)
    assert len(answer.splitlines()) == 1
    assert f"{place or 'negatives'} holds no" in answer
    assert "pixelgen.json" in answer


def test_the_examples_at_the_end_of_the_help_work(console: Console) -> None:
    text = CliRunner().invoke(cli, ["generate", "--help"]).output
    examples = re.findall(r"^ +pixelgen (generate .+)$", text.partition("Examples:")[2], re.M)
    assert len(examples) == 5
    for example in examples[:-1]:
        console.run(f"{re.sub(r'-n [0-9]+', '-n 2', example)} -q -j 1")
    assert shlex.split(examples[-1])[-4:] == ["-o", "-", ">", "one.png"]
