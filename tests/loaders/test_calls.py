"""Each call that the command prints after "load it:" is run as it stands."""

import glob
import pathlib
from typing import Any, NamedTuple

import pytest

from tests.loaders.conftest import COUNT, LAYOUTS, SHARES, SPLIT, Offline, Sets, read_all
from tests.loaders.stack_readers import stack_of


class Call(NamedTuple):
    """The module that the call of a layout is of, and the images that it finds in a split set."""

    layout: str
    module: str
    split_count: int = COUNT


TRAIN = SHARES["train"]
CALLS = [
    Call("bagit", "bagit"),
    *(Call(layout, "pandas", TRAIN) for layout in LAYOUTS),
    Call("files", "datasets", TRAIN),
    Call("files", "dlib", TRAIN),
    Call("files", "frictionless"),
    Call("files", "mlcroissant", TRAIN),
    Call("files", "torchvision", TRAIN),
    Call("files", "ultralytics"),
    Call("imagefolder", "torchvision", TRAIN),
    Call("mds", "streaming", TRAIN),
    Call("npy", "numpy", TRAIN),
    Call("parquet", "datasets", TRAIN),
    Call("roboflow", "torchvision", TRAIN),
    Call("tfrecord", "tensorflow", TRAIN),
    Call("voc", "torchvision", TRAIN),
    Call("yolofolder", "ultralytics"),
    Call("webdataset", "datasets", TRAIN),
    Call("webdataset", "nvidia", TRAIN),
    Call("webdataset", "webdataset", TRAIN),
    Call("webdataset", "wids", TRAIN),
]


def counted(found: Any, module: str) -> int:
    """Count the images in what a call returned."""
    if module == "bagit":
        assert found is True
        return COUNT
    if module == "frictionless":
        assert found.valid
        return len(found.tasks)
    if module == "webdataset":
        return len(read_all(found))
    if module == "numpy":
        return sum(len(array) for array in found)
    return len(found.images if module == "dlib" else found)


@pytest.fixture(scope="module")
def hugging_face(sets: Sets, offline: Offline) -> dict[str, int]:
    """Run all calls of Hugging Face datasets, and count the images that each loads."""
    found = [sets(each.layout, *more) for each in CALLS for more in ((), SPLIT)]
    calls = [
        (str(made.root.parent), call)
        for made in dict.fromkeys(found)
        for call in made.calls
        if stack_of(call) == "datasets"
    ]
    code = """
import datasets, os
found = {}
for number, (folder, call) in enumerate(given):
    datasets.config.HF_DATASETS_CACHE = f"{os.environ['HF_HOME']}/{number}"
    os.chdir(folder)
    loaded = eval(call)
    tables = loaded.values() if isinstance(loaded, dict) else [loaded]
    found[f"{folder} {call}"] = sum(table.num_rows for table in tables)
print(json.dumps(found))
"""
    counts: dict[str, int] = offline(code, calls)
    return counts


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("options", [(), SPLIT], ids=["whole", "split"])
@pytest.mark.parametrize("each", CALLS, ids=lambda call: f"{call.layout}-{call.module}")
def test_a_call_that_the_command_prints_loads_every_image(
    sets: Sets,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    each: Call,
    options: tuple[str, ...],
) -> None:
    made = sets(each.layout, *options)
    calls = [call for call in made.calls if stack_of(call) == each.module]
    count = each.split_count if options else COUNT
    assert calls
    if each.module == "datasets":
        counts = request.getfixturevalue("hugging_face")
        assert {counts[f"{made.root.parent} {call}"] for call in calls} == {count}
        return
    module = pytest.importorskip(each.module, reason=f"{each.module} is not installed")
    monkeypatch.chdir(made.root.parent)
    (call,) = calls
    found = eval(call, {each.module: module, "glob": glob, "pathlib": pathlib})  # noqa: S307

    assert counted(found, each.module) == count


def test_every_call_that_the_command_prints_is_tried(sets: Sets) -> None:
    tried = {(each.layout, each.module) for each in CALLS}
    for layout in LAYOUTS:
        for options in ((), SPLIT):
            for call in sets(layout, *options).calls:
                assert (layout, stack_of(call)) in tried
