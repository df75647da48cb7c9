"""The advice of messages about damaged and unfinished datasets works: see ``test_advice``."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pixelgen.dataset import repair
from pixelgen.families.pointwise import Uniform
from tests.support.advice import DATASET, Console, follows_advice, remote, spoil, unfinish
from tests.support.command import tree_digest

if TYPE_CHECKING:
    from tests.support.pixlab_endpoint import Endpoint


@follows_advice("run the command that makes it again…", ", or: pixelgen repair …")
@pytest.mark.parametrize("command", ["verify", "preview", "index --layout coco"])
def test_an_unfinished_dataset_is_finished_by_each_advised_command(
    command: str, console: Console
) -> None:
    make = DATASET.replace("-o set", "-o 'my set'")
    console.run(make)
    unfinish("my set")
    console.run(f"{command} 'my set'", 1)
    console.follow()
    unfinish("my set")
    console.run(make)
    console.verified("my set")


@follows_advice(
    "the dataset in … is not finished, and … is missing; run the command that makes the dataset"
    " again"
)
def test_a_dataset_that_was_interrupted_before_its_plan_is_begun_again(console: Console) -> None:
    Path("set").mkdir()
    Path("set/.pixelgen.journal").touch()
    console.run("repair set", 1)
    console.run(DATASET)
    console.verified()


@follows_advice(
    "…; to write it again, run: pixelgen repair …",
    "…; move it away, then run: pixelgen repair …",
)
def test_a_missing_manifest_is_written_again(console: Console) -> None:
    console.run(DATASET)
    whole = tree_digest(Path("set"))
    manifest = Path("set/metadata.jsonl")
    for command in ("verify set", "status set", "finish set", f"{DATASET} --layout coco",
                    f"{DATASET} --partition 1/2"):  # fmt: skip
        manifest.unlink()
        console.run(command, 3)
        assert "metadata.jsonl is missing" in console.last
        console.follow()
        assert tree_digest(Path("set")) == whole
    manifest.unlink()
    manifest.mkdir()
    console.run("verify set", 3)
    manifest.rename("aside")
    console.follow()
    assert tree_digest(Path("set")) == whole


@follows_advice(
    "… is missing; the command that made the dataset writes it again, or run: pixelgen repair …"
)
@pytest.mark.parametrize("layout", ["files", "webdataset"])
def test_a_missing_manifest_is_written_again_by_the_same_command(
    layout: str, console: Console
) -> None:
    command = f"{DATASET.replace(' -q', '')} --layout {layout}"
    console.run(command)
    whole = tree_digest(Path("set"))
    Path("set/metadata.jsonl").unlink()
    assert "6 images already exist" in console.run(f"{command} --dry-run")
    console.follow()
    assert tree_digest(Path("set")) == whole
    Path("set/metadata.jsonl").unlink()
    assert "metadata.jsonl is missing" in console.run(command)
    assert tree_digest(Path("set")) == whole


@follows_advice("… is missing, and … is not as … lists it; to restore both, run: pixelgen repair …")
@pytest.mark.parametrize("layout", ["files", "webdataset"])
def test_a_missing_manifest_and_a_damaged_file_are_restored_together(
    layout: str, console: Console
) -> None:
    console.run(f"{DATASET} --layout {layout}")
    whole = tree_digest(Path("set"))
    Path("set/metadata.jsonl").unlink()
    spoil(next(path for path in sorted(Path("set").rglob("*0.*")) if path.is_file()))
    damaged = tree_digest(Path("set"))
    console.run(f"{DATASET} --layout {layout}", 3)
    assert tree_digest(Path("set")) == damaged
    repaired = console.follow()
    assert repaired.count("metadata.jsonl") == 1
    assert "6 images checked, 2 files repaired" in repaired
    assert tree_digest(Path("set")) == whole


def test_a_missing_manifest_of_fetched_images_costs_no_requests(
    console: Console, endpoint: "Endpoint"
) -> None:
    console.run(remote(endpoint))
    Path("set/metadata.jsonl").rename("aside")
    endpoint.counts.clear()
    for command in (remote(endpoint), remote(endpoint, "--dry-run"), "status set"):
        assert "metadata.jsonl" in console.run(command, 3)
        assert "repair" not in console.last
    assert not endpoint.counts
    Path("aside").rename("set/metadata.jsonl")
    console.verified()


@follows_advice(
    "restore it, or …run the command that made the dataset again, with the same seed and all"
    " sidecars (not for --remote)"
)
def test_the_command_with_all_sidecars_restores_a_plan(console: Console) -> None:
    console.run(f"{DATASET} --seed random")
    console.run("index set --layout coco -q")
    whole = tree_digest(Path("set"))
    seed = json.loads(Path("set/pixelgen.json").read_text())["job"]["seed"]
    Path("set/pixelgen.json").unlink()
    for command in ("verify", "repair", "status"):
        console.run(f"{command} set", 3)
    console.run(f"{DATASET} --seed {seed} --layout coco")
    assert tree_digest(Path("set")) == whole


@follows_advice(
    "restore it, or …run the command that made the dataset again, with the same seed and all"
    " sidecars (not for --remote)"
)
def test_a_damaged_plan_is_restored_or_removed_and_made_again(
    console: Console,
) -> None:
    console.run(DATASET)
    whole = tree_digest(Path("set"))
    plan = Path("set/pixelgen.json")
    data = plan.read_bytes()
    plan.write_bytes(data.replace(b'"count": 6', b'"count": 4'))
    damaged = tree_digest(Path("set"))
    assert damaged != whole
    console.run("verify set", 3)
    console.run("repair set", 3)
    assert tree_digest(Path("set")) == damaged
    plan.write_bytes(data)
    console.verified()
    plan.unlink()
    console.run(DATASET)
    assert tree_digest(Path("set")) == whole


def test_a_plan_of_fetched_images_is_restored_only_from_itself(
    console: Console, endpoint: "Endpoint"
) -> None:
    console.run(remote(endpoint))
    whole = tree_digest(Path("set"))
    plan = Path("set/pixelgen.json")
    plan.rename("aside")
    console.run("verify set", 3)
    console.run(remote(endpoint), 3)
    Path("aside").rename(plan)
    assert tree_digest(Path("set")) == whole
    console.verified()


def test_no_advice_promises_to_restore_a_plan_without_checksum(console: Console) -> None:
    console.run(f"{DATASET} --checksum none")
    Path("set/pixelgen.json").unlink()
    assert "restore it, or move the dataset away" in console.run("verify set", 3)
    Path("set").rename("aside")
    console.run(f"{DATASET} --checksum none")


@follows_advice("first run: pixelgen repair …")
@pytest.mark.parametrize("command", ["index set --layout coco -q", "finish other set -q"])
def test_a_damaged_manifest_is_repaired_first(command: str, console: Console) -> None:
    console.run(DATASET)
    manifest = Path("set/metadata.jsonl")
    manifest.write_text(manifest.read_text().replace('"mode":"RGB"', '"mode":"RGX"', 1))
    console.run(command, 3)
    console.follow()
    console.run(command)
    console.verified()


def test_no_advice_repairs_remote_images(console: Console, endpoint: "Endpoint") -> None:
    console.run(remote(endpoint))
    manifest, image = Path("set/metadata.jsonl"), Path("set/images/000001.png")
    for path, command in ((manifest, "index set --layout coco"), (image, "finish other set")):
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"width":64', b'"width":65'))
        if path == image:
            spoil(path)
        assert "restore it" in console.run(command, 3)
        assert "repair" not in console.last
        path.write_bytes(data)
        console.run(command)


@follows_advice(
    "to check whether it has changed, run: pixelgen verify …",
    "… is missing; to see what else is, run: pixelgen status …",
)
def test_verify_and_status_say_why_an_image_cannot_be_shown(console: Console) -> None:
    console.run(f"{DATASET} -o 'my set'")
    Path("my set/images/000003.png").write_text("no image")
    console.run("preview 'my set' -o sheet.png", 3)
    assert "images/000003.png: " in console.follow(3)
    Path("my set/images/000003.png").unlink()
    assert "my set/images/000003.png" in console.run("preview 'my set' -o sheet.png", 3)
    assert "images/000003.png; " in console.follow(3)


@follows_advice("… damaged, and the check stopped there (see --max-errors)")
def test_max_errors_prints_more_errors(console: Console) -> None:
    console.run(DATASET)
    for path in Path("set/images").iterdir():
        spoil(path)
    console.run("verify set --max-errors 2", 3)
    assert len(console.run("verify set --max-errors 7 -q", 3).splitlines()) == 6


@follows_advice("or, to check their SHA-256 alone, run: pixelgen verify …")
@pytest.mark.parametrize("command", ["verify --deep", "repair --deep"])
def test_images_of_another_version_are_verified_by_their_checksums(
    command: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.run(f"{DATASET} -o 'my set'")
    monkeypatch.setattr(Uniform, "version", 2)
    Path("my set/images/000003.png").unlink()
    console.run(f"{command} 'my set'", 3)
    assert "images/000003.png: missing" in console.follow(3)


@follows_advice(
    "files or rows are damaged; to make the dataset anew, run: pixelgen generate --recipe …"
)
def test_a_dataset_that_cannot_be_repaired_is_generated_again(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.run(f"{DATASET} -o 'my set'")
    whole = tree_digest(Path("my set"))
    for path in Path("my set/images").iterdir():
        spoil(path)
    monkeypatch.setattr(repair, "_MOST_DAMAGE", 3)
    console.run("repair 'my set'", 3)
    command = console.advised().replace("DIRECTORY", "anew").removeprefix("pixelgen ")
    console.run(command)
    assert tree_digest(Path("anew")) == whole


@follows_advice("restore the plan or, if it is right, remove … and run the same command again")
def test_checksums_that_contradict_a_correct_plan_are_removed(console: Console) -> None:
    console.run(DATASET)
    whole = tree_digest(Path("set"))
    sums = Path("set/SHA256SUMS")
    lines = sums.read_text().splitlines(keepends=True)
    wrong = ["0" * 64 + line[64:] if "pixelgen.json" in line else line for line in lines]
    sums.write_text("".join(wrong))
    Path("set/images/000003.png").unlink()
    console.run("repair set", 3)
    (path,) = re.findall(r"remove (\S+) and run", console.last)
    Path(path).unlink()
    console.run("repair set")
    assert tree_digest(Path("set")) == whole
