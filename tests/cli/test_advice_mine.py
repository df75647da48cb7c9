"""Advice of ``mine`` and ``select``, and of other commands about mined datasets."""

from pathlib import Path

import pytest

from tests.support.advice import Console, follows_advice

BRIGHT = """
def score(images):
    return images.mean(axis=(1, 2, 3)) / 255
"""
SEARCH = "mine --model bright_images:score -s 8 -j 1 --family solid --family gradient --budget 512"
FULL = "--threshold 0.5 --keep 10"


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
    "none of … candidates fools the model: the highest score is …, and the threshold …; run the"
    " same command with a lower --threshold, or 'pixelgen mine' with a greater --budget",
    "… holds a search that has no dataset yet; run the 'pixelgen mine' command again",
)
def test_a_search_that_finds_nothing_is_continued(mine: str, console: Console) -> None:
    assert "the threshold 1;" in console.run(f"{mine} --keep 10 --threshold 1 -o out", 1)
    assert "of 700 candidates" in console.run(f"{mine} --keep 10 --threshold 1 --budget 700 -o out",
                                              1)  # fmt: skip
    console.run("status out", 1)
    console.run(f"{mine} {FULL} -o out")
    console.run("status out")
    console.run("select out --threshold 1 -o none", 1)
    console.run("select out --threshold 0.5 -o none")


@follows_advice(
    "pixelgen: found … of … and … of … plain among … candidates; for others of these, run: pixelgen"
    " select … --threshold SCORE -o OTHER; for further candidates, run the same command with"
    " --after … -o OTHER",
)
def test_a_search_that_finds_too_little_is_continued(mine: str, console: Console) -> None:
    console.run(f"{mine} --threshold 0.7 --keep 90 -o hard", 1)
    console.run("select hard --threshold 0.5 -o other")
    console.run(f"{mine} --threshold 0.7 --keep 10 --after hard -o another")


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
