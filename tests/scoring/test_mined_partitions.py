"""Partitions of what is selected from the scores of a mined dataset: joined, it is the same."""

import json
import shutil
from pathlib import Path

import pytest

import pixelgen
from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial
from pixelgen.scoring.mined_dataset import MinedDataset
from pixelgen.storage import LocalStore
from tests.support.command import Run, tree_digest
from tests.support.mined import RULES, Brightness, candidates, contents

SERIAL = RunConfig(Serial())
LAYOUTS = ("files,coco", "webdataset:per_shard=5", "tfrecord:per_shard=5")
OTHERS = ("--keep", 16, "--threshold", 0.62, "-q", "-j", 1)


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mined") / "mined"
    pixelgen.mine(candidates(), Brightness(), out, RULES, run=SERIAL)
    return out


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of so large images that five of them are a shard of single files, too."""
    out = tmp_path_factory.mktemp("large") / "mined"
    pixelgen.mine(candidates(256, size=600), Brightness(), out, RULES, run=SERIAL)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("places", [("joined",) * 3, ("a", "b", "c")], ids=["one", "three"])
def test_partitions_of_a_selection_are_joined_to_the_same_dataset(
    places: tuple[str, ...], layout: str, large: Path, tmp_path: Path, run: Run
) -> None:
    select = ("select", large, "--layout", layout, *OTHERS)
    assert run(*select, "-o", "whole").returncode == 0
    assert finished_plan(LocalStore(str(tmp_path / "whole"))).job.shard_count == 4
    for number, place in enumerate(places, 1):
        done = run(*select, "--partition", f"{number}/3", "--json", "-o", place)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["state"] == "partial"
    arguments = ("joined",) if "joined" in places else ("joined", *places)
    done = run("finish", *arguments, "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert tree_digest(tmp_path / "joined") == tree_digest(tmp_path / "whole")
    assert run("verify", "joined", "--deep", "-q").returncode == 0
    again = run(*select, "-o", "joined", "--json")
    assert (again.returncode, json.loads(again.stdout)["created"]) == (0, 0)
    assert tree_digest(tmp_path / "joined") == tree_digest(tmp_path / "whole")


@pytest.mark.parametrize("layout", LAYOUTS[:3])
def test_a_selection_by_the_same_rules_is_the_dataset_itself(
    layout: str, mined: Path, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    job = candidates(layout=layout)
    pixelgen.mine(job, Brightness(), whole, RULES, run=SERIAL)
    other = MinedDataset.open(mined).candidates.with_layout(job.layout)
    pixelgen.select(mined, job=other).write(out, SERIAL)
    assert contents(out) == contents(whole)


@pytest.mark.slow
def test_partitions_of_other_selections_are_not_joined(
    mined: Path, tmp_path: Path, run: Run
) -> None:
    for place, keep in ("a", 16), ("b", 12):
        select = ("select", mined, "--layout", LAYOUTS[1], *OTHERS, "--keep", keep)
        assert run(*select, "--partition", "1/2", "-o", place).returncode == 0
    before = contents(tmp_path)
    assert run("finish", "joined", "a", "b").returncode == 3
    assert contents(tmp_path) == before


def test_the_mined_dataset_may_be_gone_once_partitions_are_made(
    mined: Path, tmp_path: Path
) -> None:
    shutil.copytree(mined, tmp_path / "copy")
    whole, out = tmp_path / "whole", tmp_path / "out"
    job = candidates(layout=LAYOUTS[1])
    other = MinedDataset.open(tmp_path / "copy").candidates.with_layout(job.layout)
    pixelgen.select(tmp_path / "copy", job=other).write(whole, SERIAL)
    choice = pixelgen.select(tmp_path / "copy", job=other)
    shutil.rmtree(tmp_path / "copy")
    choice.write(out, SERIAL)
    assert contents(out) == contents(whole)
