"""A mined dataset has the same bytes whoever scores the candidates, and wherever it is written."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

import pixelgen
from pixelgen.dataset.plan import PLAN, SUMS
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.selection_record import SEARCH_JOURNAL
from pixelgen.engines import Check, Engine, Serial, Work
from pixelgen.engines.base import R, T
from pixelgen.errors import Conflict
from pixelgen.scoring.choice import Choice
from pixelgen.scoring.selection_rules import SelectionRules
from tests.support.command import Run, tree_digest
from tests.support.dask_cluster import ROOT, cluster
from tests.support.mined import (
    MINE,
    RULES,
    Brightness,
    Unused,
    candidates,
    contents,
    mine,
    write_model,
)

SERIAL = RunConfig(Serial())
FORCED = replace(SERIAL, overwrite=True)
LARGE = replace(RULES, keep=80)
SEARCH_FILES = ("selection.jsonl", "mining.json", "scores.npy")


@dataclass(frozen=True)
class Shuffled(Engine):
    """Does several tasks at a time, and yields their results in an order by chance."""

    seed: int = 0

    def map(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        work: Work,
        jobs: int,
        check: Check | None = None,
    ) -> Iterator[R]:
        dice, in_flight = Random(self.seed), []
        for task in tasks:
            in_flight.append(task)
            while len(in_flight) > 5:
                yield function(in_flight.pop(dice.randrange(len(in_flight))))
        dice.shuffle(in_flight)
        yield from map(function, in_flight)


@pytest.mark.parametrize("robust", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_order_in_which_blocks_are_scored_changes_no_byte(robust: bool, tmp_path: Path) -> None:
    rules = replace(RULES, threshold=0.66, robust=robust)
    engines = [Serial(), Shuffled(0), Shuffled(1)]
    for number, engine in enumerate(engines):
        out = tmp_path / str(number)
        _, choice = pixelgen.mine(
            candidates(), Brightness(), out, rules, run=RunConfig(engine, jobs=2)
        )
        assert choice.selected.is_full
        assert len(choice.table) > 2 * 256
    assert len({tree_digest(tmp_path / str(number)) for number in range(len(engines))}) == 1


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("layout", ["files,coco", "webdataset:per_shard=7"])
def test_engines_and_workers_change_no_byte(layout: str, tmp_path: Path) -> None:
    ways = {
        "serial": ("--engine", "serial"),
        "one": ("-j", 1),
        "two": ("-j", 2),
        "eight": ("-j", 8),
    }
    for out, options in ways.items():
        mine(tmp_path, out, "--layout", layout, *options)
    assert len({tree_digest(tmp_path / out) for out in ways}) == 1
    assert {*SEARCH_FILES, PLAN, SUMS} <= contents(tmp_path / "one").keys()
    assert json.loads((tmp_path / "one/mining.json").read_text())["scored"] > 4 * 256


@pytest.mark.engine
def test_a_cluster_changes_no_byte(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    mine(tmp_path, "whole", "-j", 1)
    # Workers import the function by name, from wherever they run.
    with cluster(tmp_path / "dask", 2, {"PYTHONPATH": f"{ROOT}:{tmp_path}"}) as made:
        mine(tmp_path, "cluster", "--engine", made.engine)
    mine(tmp_path, "begun", "--engine", "dask", "-j", 2)
    for out in ("cluster", "begun"):
        assert tree_digest(tmp_path / out) == tree_digest(tmp_path / "whole"), out


def mine_here(out: Path, keep: int = 20, run: RunConfig = SERIAL, **options: object) -> Choice:
    rules = replace(RULES, keep=keep)
    return pixelgen.mine(candidates(2000, **options), Brightness(), out, rules, run=run)[1]


def assert_refused(
    out: Path, run: RunConfig = SERIAL, rules: SelectionRules = RULES, **options: object
) -> str:
    """Nothing is scored, and no byte changes; return what is said."""
    before = contents(out)
    with pytest.raises(Conflict) as refusal:
        pixelgen.mine(candidates(2000, **options), Unused(), out, rules, run=run)
    assert contents(out) == before
    return str(refusal.value)


@pytest.mark.parametrize(
    "name",
    [*SEARCH_FILES, "metadata.jsonl", SUMS, PLAN, "annotations/instances_default.json"],
)
@pytest.mark.parametrize("run", [SERIAL, FORCED], ids=["once", "forced"])
def test_a_foreign_file_is_refused_before_anything_is_scored(
    name: str, run: RunConfig, tmp_path: Path
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine\n")
    layout = "files,coco:path=annotations/instances_default.json"
    assert name in assert_refused(tmp_path, run, layout=layout)


def test_a_foreign_list_of_images_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    pixelgen.generate(candidates(2, size=40), tmp_path / "photos", run=SERIAL)
    out = tmp_path / "out"
    out.mkdir()
    (out / "sources.jsonl").write_text("mine\n")
    job = candidates(family=f"crop:source={tmp_path}/photos/images").scan_sources()
    with pytest.raises(Conflict, match=r"sources\.jsonl exists and does not belong"):
        pixelgen.mine(job, Unused(), out, RULES, run=SERIAL)
    assert contents(out) == {"sources.jsonl": b"mine\n"}


@pytest.mark.parametrize("layout", ["files", "webdataset:per_shard=7"])
def test_another_dataset_is_refused_before_anything_is_scored(layout: str, tmp_path: Path) -> None:
    pixelgen.generate(candidates(20, layout=layout), tmp_path, run=SERIAL)
    assert "was not mined" in assert_refused(tmp_path, layout=layout)


def test_a_dataset_of_another_model_or_of_other_candidates_is_refused(tmp_path: Path) -> None:
    mine_here(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(Conflict, match="mined by another model or from other candidates"):
        pixelgen.mine(candidates(), Unused("other"), tmp_path, RULES, run=SERIAL)
    with pytest.raises(Conflict, match="mined by another model or from other candidates"):
        pixelgen.mine(candidates(seed=1), Unused(), tmp_path, RULES, run=SERIAL)
    assert contents(tmp_path) == before


def test_a_foreign_file_is_exit_code_3(tmp_path: Path, run: Run) -> None:
    write_model(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/scores.npy").write_text("mine\n")
    for options in ((), ("--force",)):
        done = run(*MINE, "-o", "out", *options)
        assert (done.returncode, done.stdout) == (3, "")
        (line,) = done.stderr.splitlines()
        assert "out/scores.npy exists and does not belong to this dataset" in line
    assert contents(tmp_path / "out") == {"scores.npy": b"mine\n"}


@pytest.mark.parametrize("old", ["generated", "mined", "mined from others"])
def test_force_replaces_a_finished_dataset(old: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if old == "generated":
        pixelgen.generate(candidates(30, layout="files,coco"), out, run=SERIAL)
    else:
        mine_here(out, 30, seed=int(old != "mined"), layout="webdataset:per_shard=7")
    mine_here(tmp_path / "whole")
    (out / "notes.txt").write_text("mine\n")
    mine_here(out, run=FORCED)
    assert (out / "notes.txt").read_text() == "mine\n"
    (out / "notes.txt").unlink()
    assert tree_digest(out) == tree_digest(tmp_path / "whole")


def test_force_continues_the_search_for_a_larger_dataset(tmp_path: Path) -> None:
    mine_here(tmp_path / "out", 20)
    assert mine_here(tmp_path / "whole", 80).selected.is_full
    assert mine_here(tmp_path / "out", 80, FORCED).selected.is_full
    assert tree_digest(tmp_path / "out") == tree_digest(tmp_path / "whole")


def test_force_does_not_score_again_what_was_scored(tmp_path: Path) -> None:
    mine_here(tmp_path, 20)
    stopped = replace(FORCED, stopped=lambda: True)
    assert pixelgen.mine(candidates(), Unused(), tmp_path, LARGE, run=stopped)[0] is None
    assert (tmp_path / SEARCH_JOURNAL).exists()  # with the scores that the dataset had
    assert pixelgen.verify(tmp_path, run=SERIAL).damage == []
    pixelgen.mine(candidates(), Unused(), tmp_path, RULES, run=SERIAL)


@pytest.mark.parametrize("name", ["images/000003.png", *SEARCH_FILES, "metadata.jsonl", SUMS, PLAN])
@pytest.mark.parametrize(
    ("seed", "rules"), [(0, RULES), (0, LARGE), (1, RULES)], ids=["same", "larger", "others"]
)
def test_force_refuses_a_dataset_that_was_changed(
    name: str, seed: int, rules: SelectionRules, tmp_path: Path
) -> None:
    mine_here(tmp_path, seed=seed)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    assert_refused(tmp_path, FORCED, rules)
    assert not (tmp_path / SEARCH_JOURNAL).exists()


@pytest.mark.parametrize("name", [*SEARCH_FILES, "coco.json"])
def test_force_refuses_foreign_files_beside_a_dataset(name: str, tmp_path: Path) -> None:
    pixelgen.generate(candidates(20), tmp_path, run=SERIAL)
    (tmp_path / name).write_text("mine\n")
    assert name in assert_refused(tmp_path, FORCED, layout="files,coco")


def test_a_dataset_that_lost_its_plan_is_resumed(tmp_path: Path) -> None:
    mine_here(tmp_path)
    before = contents(tmp_path)
    (tmp_path / PLAN).unlink()
    (tmp_path / "images/000003.png").unlink()
    pixelgen.mine(candidates(), Unused(), tmp_path, RULES, run=SERIAL)
    assert contents(tmp_path) == before
