"""A dry run refuses what the run would refuse, in the same words; neither changes anything."""

from pathlib import Path

import pytest

from pixelgen.errors import PixelgenError
from tests.support.advice import DATASET, SHARDS, Console
from tests.support.command import tree_digest

GROWN = DATASET.replace("-n 6", "-n 9")
REFUSED = [
    # The first dataset, a file of somebody else's, and the run that is refused with a code.
    (DATASET, "", GROWN.replace("-n 9", "-n 10001"), 3),
    (DATASET, "images/000007.png", GROWN, 3),
    (DATASET, "coco.json", f"{GROWN} --layout coco", 3),
    (DATASET, "coco.json", f"{DATASET} --layout coco", 3),
    (f"{DATASET} --layout yolo", "labels/000007.txt", f"{GROWN} --layout yolo", 3),
    (SHARDS, "negatives-000007.tar", SHARDS.replace("-n 6", "-n 9"), 3),
    (DATASET, "", f"{GROWN} --partition 1/2", 3),
    (DATASET, "", f"{DATASET} --seed 7", 3),
    (DATASET, "", DATASET.replace("-n 6", "-n 5"), 3),
    ("", "images/000003.png", DATASET, 3),
    ("", "negatives-000003.tar", SHARDS, 3),
    ("", "metadata.jsonl", f"{DATASET} --partition 1/2", 3),
]


@pytest.mark.parametrize(("make", "foreign", "command", "code"), REFUSED)
def test_a_dry_run_refuses_what_the_run_refuses(
    make: str, foreign: str, command: str, code: int, console: Console
) -> None:
    if make:
        console.run(make)
    if foreign:
        Path("set", foreign).parent.mkdir(parents=True, exist_ok=True)
        Path("set", foreign).write_text("mine")
    before = tree_digest(Path("set"))
    planned = console.run(f"{command} --dry-run", code)
    assert console.run(command, code) == planned
    assert (f"set/{foreign} " in planned) or not foreign
    assert tree_digest(Path("set")) == before


@pytest.mark.parametrize("engine", ["nonsense", "serial:x=1", "dask://"])
def test_a_dry_run_refuses_an_unknown_engine(engine: str, console: Console) -> None:
    planned = console.run(f"{DATASET} --engine {engine} --dry-run", 2)
    assert console.run(f"{DATASET} --engine {engine}", 2) == planned


def test_a_dry_run_of_an_unfinished_or_damaged_dataset_that_is_to_grow_is_refused(
    console: Console,
) -> None:
    console.run(DATASET)
    sums = Path("set/SHA256SUMS")
    text = sums.read_text()
    sums.write_text(text.replace("  metadata.jsonl", "  metadata.jsonx"))
    assert console.run(f"{GROWN} --dry-run", 3) == console.run(GROWN, 3)
    sums.write_text(text)
    Path("set/metadata.jsonl").rename("set/.pixelgen.journal")
    assert console.run(f"{GROWN} --dry-run", 1) == console.run(GROWN, 1)


def test_a_dry_run_sees_a_growth_that_was_interrupted(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.run(DATASET)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise PixelgenError("no room")

        patch.setattr("pixelgen.dataset.resize._sync", fail)  # all images are there
        console.run(GROWN, 1)
    assert Path("set/images/000008.png").exists()
    console.run(f"{GROWN} --dry-run")
    console.run(GROWN)
    console.verified()


def test_images_of_an_unfinished_dataset_are_counted_in_finished_shards(console: Console) -> None:
    command = DATASET.replace(" -q", "") + " --layout webdataset:per_shard=2"
    assert "0 images already exist\n" in console.run(f"{command} --dry-run")
    console.run(f"{command} --partition 1/2")
    place = "finished shards"
    assert f"4 of 6 images exist in {place}\n" in console.run("status set")
    assert f"4 images already exist in {place}\n" in console.run(f"{command} --dry-run")
    assert f"(4 existed in {place})" in console.run(command)
    assert "6 of 6 images exist\n" in console.run("status set")
    assert "6 images already exist\n" in console.run(f"{command} --dry-run")
