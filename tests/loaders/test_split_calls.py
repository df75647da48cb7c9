"""The calls that are printed load the images of the split that the manifest names, each once.

Every container with every sidecar and trainer, whole and with splits. All of them come from the
registry: a new one is tested without a change here, and fails until its stack is known.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from pixelgen import registry
from pixelgen.job import Job
from pixelgen.layouts import DatasetInfo, Sidecar
from pixelgen.layouts.layout import Layout
from pixelgen.trainers import TRAINERS, loader_calls, loader_hint
from tests.layouts.support import VARIANTS, make_dataset
from tests.loaders.conftest import FULLEST, LAYOUTS, Offline, fullest, once
from tests.loaders.stack_readers import (
    CHECKS,
    SUBPROCESS,
    TRAINING,
    Key,
    darknet_images,
    listed_images,
    load,
    stack_of,
    yolo_images,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of stacks

COUNT = 40
SPLITS = ("", "train=0.75,val=0.25", "val=0.25,test=0.25,train=0.5", "ours=0.5,theirs=0.5")
ODD_NAMES = ("a[1]{x}*", "b{1,2}?", "c 'd' \\e")


class Case(NamedTuple):
    """A dataset: its layout and splits, the trainer whose call is printed, and its folder."""

    layout: str
    split: str
    trainer: str = ""
    name: str = "own"

    def __str__(self) -> str:
        return " ".join(filter(None, (self.trainer, self.layout, self.split, self.name)))


def layouts() -> Iterator[str]:
    """Yield each container: alone, with each sidecar, and with as many as go together."""
    yield from LAYOUTS
    for layout in map(Layout.parse, FULLEST):
        yield from (f"{layout.container.name},{each.name}" for each in layout.sidecars)
        yield str(layout)
    yield from VARIANTS


def trainer_cases() -> Iterator[Case]:
    """Yield each trainer with its own layout, and with all sidecars that go with that one."""
    for name, trainer in TRAINERS.items():
        for layout in (trainer.layout, fullest(trainer.layout)):
            yield from (Case(layout, split, name) for split in SPLITS)


def is_refused(case: Case) -> bool:
    """Return whether the trainer of a case refuses its splits."""
    job = Job.parse(count=COUNT, width=64, height=64, layout=case.layout, split=case.split or None)
    return any(TRAINERS[case.trainer].objections(job))


CASES = [Case(layout, split) for layout in dict.fromkeys(layouts()) for split in SPLITS]
TRAINED = [case for case in trainer_cases() if not is_refused(case)]
ODD = [Case(layout, split, "", name) for layout in FULLEST
       for name in ODD_NAMES for split in SPLITS[:2]]  # fmt: skip
ODD += [Case("webdataset", split, "", "e::f") for split in SPLITS[:2]]


@dataclass(frozen=True)
class Dataset:
    """A finished dataset, and how its calls name its images."""

    root: Path
    job: Job
    trainer: str

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        manifest = self.root / self.job.layout.container.manifest
        return [json.loads(line) for line in manifest.read_text().splitlines()]

    def indexes(self, split: str) -> list[int]:
        """Return the indexes of a split by the manifest."""
        return [row["index"] for row in self.rows if row.get("split", "") == split]

    @property
    def train_split(self) -> str:
        """Return the split that is for training."""
        names = self.job.info.split_names
        return "train" if "train" in names else names[0]

    def calls(self, split: str) -> list[str]:
        """Return the calls that would be printed if a split were the first.

        Of a container with one sidecar, that of the sidecar: the other is tested without it.
        """
        job, root = reading(self.job, split), str(self.root)
        if self.trainer:
            return loader_calls(TRAINERS[self.trainer], job, root)
        if len(job.layout.sidecars) == 1:
            return list(filter(None, [job.layout.sidecars[0].loader(root, job.info)]))
        return job.layout.loaders(root, job.info)

    @cached_property
    def _index_of(self) -> dict[Key, int]:
        found: dict[Key, int] = {}
        for row in self.rows:
            found[row["file_name"]] = found[row["sha256"]] = row["index"]
            found[self.job[row["index"]].tobytes()] = row["index"]
        return found

    def index(self, key: Key) -> int:
        """Return which image a key means."""
        if isinstance(key, dict):
            return int(key["manifest/index"])
        if isinstance(key, str):
            place = (self.root / key).resolve()
            return self._index_of[place.relative_to(self.root.resolve()).as_posix()]
        if isinstance(key, np.ndarray | Image.Image):
            return self._index_of[np.asarray(key).tobytes()]
        return self._index_of[hashlib.sha256(key).hexdigest()] if isinstance(key, bytes) else key


def reading(job: Job, split: str) -> Job:
    """Return a job whose printed calls read a split."""

    class Reading(DatasetInfo):
        first_split = split

    info = Reading(**{each.name: getattr(job.info, each.name) for each in fields(job.info)})
    other = copy(job)
    other.__dict__["info"] = info
    return other


Datasets = Callable[[Case], Dataset]


@pytest.fixture(scope="session")
def datasets(shared: Path) -> Datasets:
    """Make the dataset of a case, once in all workers."""

    def make_of(case: Case) -> Dataset:
        def make(folder: Path) -> str:
            root = folder / case.name
            make_dataset(root, count=COUNT, layout=case.layout, split=case.split or None)
            return str(root)

        root = once(shared, ("split calls", case.layout, case.split, case.name), make)
        plan = json.loads(Path(root, "pixelgen.json").read_text())
        return Dataset(Path(root), Job.parse(**plan["job"]), case.trainer)

    return make_of


@pytest.fixture(scope="session")
def hugging_face(datasets: Datasets, offline: Offline) -> dict[str, list[int]]:
    """Run all calls of Hugging Face datasets, and return the indexes that each loads."""
    calls = {
        call: None
        for case in (*CASES, *TRAINED, *ODD)
        for split in datasets(case).job.info.split_names
        for call in datasets(case).calls(split)
        if stack_of(call) == SUBPROCESS
    }
    code = """
import datasets, os
datasets.disable_progress_bars()
found = {}
for number, call in enumerate(given):
    datasets.config.HF_DATASETS_CACHE = f"{os.environ['HF_HOME']}/{number}"
    try:
        loaded = eval(call)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        found[call] = [repr(error)]
        continue
    found[call] = []
    for table in loaded.values() if isinstance(loaded, dict) else [loaded]:
        names = table.column_names
        rows = table["index"] if "index" in names else [row["index"] for row in table["json"]]
        found[call] += rows
print(json.dumps(found))
"""
    indexes: dict[str, list[int]] = offline(code, list(calls))
    return indexes


def check_calls(dataset: Dataset, request: pytest.FixtureRequest) -> None:
    """Check that the calls for each split load its images, each once and no others."""
    for split in dataset.job.info.split_names:
        for call in dataset.calls(split):
            stack = stack_of(call)
            if stack == SUBPROCESS:
                found = request.getfixturevalue("hugging_face")[call]
            elif (loaded := load(call)) is None:
                pytest.skip(f"{stack} is not installed")
            elif stack in CHECKS:
                continue
            else:
                found = [dataset.index(key) for key in loaded]
            wanted = dataset.train_split if stack in TRAINING else split
            assert sorted(found) == dataset.indexes(wanted), call


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_calls_of_a_layout_keep_to_the_split(
    datasets: Datasets, request: pytest.FixtureRequest, case: Case
) -> None:
    dataset = datasets(case)
    splits = [dataset.indexes(split) for split in dataset.job.info.split_names]

    assert sorted(index for split in splits for index in split) == list(range(COUNT))
    check_calls(dataset, request)


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("case", TRAINED, ids=str)
def test_the_call_of_a_trainer_is_its_own_and_keeps_to_the_split(
    datasets: Datasets, request: pytest.FixtureRequest, case: Case
) -> None:
    dataset = datasets(case)
    alone = datasets(case._replace(layout=TRAINERS[case.trainer].layout))
    (own,), (call,) = (each.calls(each.job.info.first_split) for each in (alone, dataset))

    assert call == own.replace(str(alone.root), str(dataset.root))
    check_calls(dataset, request)


@pytest.mark.parametrize("case", TRAINED, ids=str)
def test_the_note_of_a_trainer_names_the_images_of_the_training_split(
    datasets: Datasets, case: Case
) -> None:
    dataset = datasets(case)
    hint = loader_hint(TRAINERS[case.trainer], dataset.job, str(dataset.root))
    for place in re.findall(rf"{re.escape(str(dataset.root))}\S+", hint):
        found = [dataset.index(key) for key in listed_images(Path(place))]
        assert sorted(found) == dataset.indexes(dataset.train_split)


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("case", ODD, ids=str)
def test_a_directory_whose_name_looks_like_a_pattern_is_loaded(
    datasets: Datasets, request: pytest.FixtureRequest, case: Case
) -> None:
    check_calls(datasets(case), request)


@pytest.mark.parametrize("case", [each for each in (*CASES, *TRAINED) if "ours" in each.split],
                         ids=str)  # fmt: skip
def test_the_name_of_another_split_in_a_call_loads_that_split(
    datasets: Datasets, case: Case
) -> None:
    dataset = datasets(case)
    for ours, theirs in zip(dataset.calls("ours"), dataset.calls("theirs"), strict=True):
        assert ours.replace("ours", "theirs") == theirs
        assert "ours" in ours or stack_of(ours) in (*CHECKS, *TRAINING)


@pytest.mark.parametrize("layout", ["files,yolo", "yolofolder", "darknet,files,yolo"])
@pytest.mark.parametrize("split", SPLITS)
def test_trainers_validate_on_images_that_they_do_not_train_on(
    datasets: Datasets, split: str, layout: str
) -> None:
    dataset = datasets(Case(layout, split, "darknet" if "darknet" in layout else ""))
    if dataset.trainer:
        (call,) = dataset.calls(split)
        listed = darknet_images(call, "valid")
    else:
        listed = yolo_images(f"{dataset.root}/data.yaml", "val")
    val = {dataset.index(key) for key in listed}

    assert val
    assert val.isdisjoint(dataset.indexes(dataset.train_split)) == bool(split)


def test_a_trainer_is_tried_with_all_splits_but_those_that_it_refuses() -> None:
    refused = {(case.trainer, case.split) for case in trainer_cases() if is_refused(case)}

    assert refused == {("rfdetr", "ours=0.5,theirs=0.5")}


def test_every_sidecar_is_tested_with_every_container_that_it_indexes() -> None:
    for name, component in registry.components("layout").items():
        for container in getattr(component, "containers", None) or LAYOUTS:
            expected = f"{container},{name}" if issubclass(component, Sidecar) else name
            assert any(case.layout == expected for case in CASES)
