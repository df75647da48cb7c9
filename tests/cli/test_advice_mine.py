"""Advice of ``mine`` and ``select``, and of other commands about mined datasets."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support.advice import Console, follows_advice
from tests.support.onnx_models import REASON, Affine, write_model

BRIGHT = """
def score(images):
    return images.mean(axis=(1, 2, 3)) / 255
"""
SEARCH = "mine --model bright_images:score -s 8 -j 1 --family solid --family gradient --budget 512"
FULL = "--threshold 0.5 --keep 10"


def write_coco(folder: Path) -> Path:
    """Write a COCO dataset of an image; return its file."""
    folder.mkdir()
    Image.new("RGB", (9, 9)).save(folder / "1.png")
    image = {"id": 7, "file_name": "1.png", "width": 9, "height": 9}
    categories = [{"id": number, "name": f"class{number}"} for number in (17, 18)]
    content = {"images": [image], "annotations": [], "categories": categories}
    (folder / "own.json").write_text(json.dumps(content))
    return folder / "own.json"


@pytest.fixture
def mine(console: Console) -> str:
    """Write a function that takes bright images for objects; return a command that uses it."""
    Path("bright_images.py").write_text(BRIGHT)
    return SEARCH


@pytest.fixture
def hard(mine: str, console: Console) -> Path:
    """Mine a dataset."""
    console.run(f"{mine} {FULL} -o hard -q")
    return Path("hard")


@follows_advice(
    "there are no candidates; give a --budget of at least 1",
    "--seed random cannot be resumed by the same command; give a number",
    "at most a share of … of each of … families cannot make … mined images; give --per-family … or"
    " more",
    "the dataset in … was not mined; give one that 'pixelgen mine' made",
    "the candidates of a next round must begin at …, after those of …; omit --start",
)
def test_an_option_of_mine_is_given_as_its_message_says(
    mine: str, hard: Path, console: Console
) -> None:
    command = f"{mine} {FULL} -o out -q"
    for wrong in ("--budget 0", "--seed random", "--per-family 0.1"):
        console.run(f"{command} {wrong}", 2)
        assert not Path("out").exists()
    console.run("generate -n 3 -s 8 -q -o made")
    console.run(f"{command} --after made", 2)
    console.run(f"{command} --after hard --start 3", 2)
    right = ("--budget 300", "--seed 5", "--per-family 0.5", "--after hard")
    for number, options in enumerate(right):
        console.run(f"{mine} {FULL} -q -o right{number} {options}")


@follows_advice(
    "none of … candidates is mined: the highest score is …, and the threshold ……; give a lower"
    " --threshold, or other candidates",
    "… holds a search that has no dataset yet; run the 'pixelgen mine' command again",
)
def test_a_search_that_finds_nothing_is_continued(mine: str, console: Console) -> None:
    assert "the threshold 1;" in console.run(f"{mine} --keep 10 --threshold 1 -o out", 1)
    assert "of 700 candidates" in console.run(f"{mine} --keep 10 --threshold 1 --budget 700 -o out",
                                              1)  # fmt: skip
    console.run("status out", 1)
    console.run(f"{mine} {FULL} -o out")
    console.run(f"{mine.replace('gradient', 'stripes')} {FULL} -o other")
    console.run("status out")
    console.run("select out --threshold 1 -o none", 1)
    console.run("select out --threshold 0.5 -o none")


@follows_advice(
    "pixelgen: found … of … and … of … plain among … candidates; for others of these, run: pixelgen"
    " select … --threshold SCORE -o OTHER; for further candidates, mine with --after … -o OTHER",
    "their family having its share (--per-family)",
    "their class having its number (--per-class)",
    "… was searched up to candidate …; to search on and replace the dataset there, give --force, or"
    " choose another directory",
)
def test_a_search_that_finds_too_little_is_continued(mine: str, console: Console) -> None:
    short = f"{mine} --threshold 0.7 --keep 90"
    console.run(f"{short} -o hard", 1)
    console.run("select hard --threshold 0.5 -o other")
    console.run(f"{mine} --threshold 0.7 --keep 10 --after hard -o another")
    console.run(f"{short} --budget 5120 -o hard", 3)
    console.run(f"{short} --budget 5120 -o larger")
    console.run(f"{short} --budget 5120 -o hard --force")
    many = f"{mine} --threshold 0.5 --plain 0"
    assert "(--per-family)" in console.run(f"{many} --keep 200 --per-family 0.5 -o capped", 1)
    console.run(f"{many} --keep 90 --per-family 1 -o uncapped")
    Path("named.py").write_text(BRIGHT.replace("/ 255", "/ 255, ['day'] * len(images)"))
    named = f"{SEARCH.replace('bright_images', 'named')} {FULL}"
    console.run(f"{named} --per-class 2 -o few", 1)
    console.run(f"{named} --per-class 5 -o enough")


@follows_advice(
    "the recipe … is of a mined dataset, whose images are selected ones; for the same or others of"
    " its candidates, run: pixelgen select DATASET -o OTHER",
)
def test_a_mined_dataset_is_not_a_recipe(hard: Path, console: Console) -> None:
    console.run("generate --recipe hard/pixelgen.json -o again", 2)
    console.run("select hard -o again")
    assert Path("again/selection.jsonl").read_bytes() == (hard / "selection.jsonl").read_bytes()


@follows_advice("… is damaged or of another dataset; to write it again, run: pixelgen repair …")
def test_a_damaged_selection_is_written_again(hard: Path, console: Console) -> None:
    path = hard / "selection.jsonl"
    before = path.read_bytes()
    path.write_bytes(before[1:])
    console.run("select hard -o other", 3)
    console.follow()
    assert path.read_bytes() == before


@follows_advice(
    "… is missing or damaged and cannot be made again without the model; restore it from a copy, or"
    " run the 'pixelgen mine' command again in another directory",
)
@pytest.mark.parametrize("name", ["scores.npy", "mining.json"])
def test_what_only_the_model_can_make_is_made_in_another_directory(
    name: str, mine: str, hard: Path, console: Console
) -> None:
    (hard / name).unlink()
    console.run("repair hard", 3)
    console.run(f"{mine} {FULL} -o other -q")
    (hard / name).write_bytes((Path("other") / name).read_bytes())
    console.run("verify hard --deep")


@follows_advice(
    "… is missing or damaged, and … does not say what it was; restore one of them from a copy, or"
    " run the command that made the dataset again in another directory",
)
def test_a_selection_without_a_manifest_is_made_in_another_directory(
    mine: str, hard: Path, console: Console
) -> None:
    for name in ("selection.jsonl", "metadata.jsonl"):
        (hard / name).unlink()
    console.run("repair hard", 3)
    console.run(f"{mine} {FULL} -o other -q")
    (hard / "selection.jsonl").write_bytes(Path("other/selection.jsonl").read_bytes())
    console.run("repair hard")
    console.run("verify hard --deep")


@follows_advice("pixelgen select … --beside …… -o …")
def test_a_mined_dataset_is_written_again_to_fit_the_users(
    mine: str, hard: Path, console: Console
) -> None:
    own = write_coco(Path("own"))
    console.run("index hard --layout coco")
    console.run(f"merge hard --into {own} -o joined.json", 3)
    console.follow()
    console.run(f"merge hard-joined --into {own} -o joined.json")
    console.run(f"{mine} {FULL} --beside {own} -o fits")
    console.run(f"merge fits --into {own} -o again.json")


@follows_advice("pixelgen mine --model FILE --seed … --beside …")
def test_other_images_are_mined_with_another_seed(mine: str, console: Console) -> None:
    own = write_coco(Path("own"))
    console.run(f"{mine} {FULL} --beside {own} -o fits")
    console.run(f"merge fits --into {own} -o own/joined.json")
    console.run("merge fits --into own/joined.json -o twice.json", 3)
    console.run(f"{mine} {FULL} --seed 1 --beside own/joined.json -o more")
    console.run("merge more --into own/joined.json -o own/twice.json")


@follows_advice(
    "; … of your own images are excluded (--own-limit), as they may hold an object without a label:"
    " …",
)
def test_a_limit_that_excludes_everything_is_raised(console: Console) -> None:
    Path("bright_images.py").write_text(BRIGHT)
    Path("scenes").mkdir()
    Image.effect_noise((40, 40), 20).convert("RGB").save("scenes/1.png")
    crops = "mine --model bright_images:score --family crop:source=scenes -s 8 --threshold 0.4"
    console.run(f"{crops} --keep 4 --own-limit 0.41 -o out", 1)
    console.run(f"{crops} --keep 4 --own-limit 1 -o out")


@follows_advice("invalid --scale …: must be a number, as 1/255")
def test_a_scale_is_written_as_a_number_or_a_quotient(tmp_path: Path, console: Console) -> None:
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason=REASON)
    path = write_model(tmp_path / "m.onnx", {"y": Affine([2, 0], [1, -1])})
    score = f"score --model {path} --family uniform -n 3 -s 8 -j 1"
    console.run(f"{score} --scale half", 2)
    console.run(f"{score} --scale 1/255")
