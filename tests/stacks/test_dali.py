"""NVIDIA DALI reads archives with our index and without, COCO and folders, on the processor."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelgen.job import Job
from pixelgen.trainers import TRAINERS
from tests.stacks.conftest import load
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "nvidia.dali is not installed"
JOB = Job(count=20, width=64, height=48)
BATCH = 4


def outputs(graph: Callable[[], Any], batches: int = 5) -> list[list[Any]]:
    """Run a pipeline of the processor; return of each of its outputs the samples, in order."""
    from nvidia import dali

    pipe = dali.Pipeline(batch_size=BATCH, num_threads=1, device_id=None)
    with pipe:
        pipe.set_outputs(*graph())
    pipe.build()
    runs = [pipe.run() for _ in range(batches)]
    return [
        [np.asarray(each[place].at(n)) for each in runs for n in range(BATCH)]
        for place in range(len(runs[0]))
    ]


def decoded(file: Any) -> Any:
    from nvidia.dali import fn

    return fn.decoders.image(file, device="cpu")


def of_archives(make: Callable[..., Done], call: str, *options: str) -> list[list[Any]]:
    done = make("-n", 20, "-s", "64x48", *options)

    def graph() -> tuple[Any, Any]:
        file, label = load(done, "nvidia.dali.fn", "glob") if not call else unindexed(call)
        return decoded(file), label

    return outputs(graph)


def unindexed(pattern: str) -> Any:
    from nvidia.dali import fn

    paths = sorted(map(str, Path("negatives").glob(pattern)))
    return fn.readers.webdataset(paths=paths, ext=["png", "cls"])


@pytest.mark.parametrize("pattern", ["", "negatives-*.tar"], ids=["our index", "no index"])
@pytest.mark.parametrize(
    "layout", [("--for", "dali"), ("--layout", "dali,webdataset:per_shard=7")],
    ids=["ten archives", "three"],
)  # fmt: skip
def test_archives_hold_every_image_in_order(
    make: Callable[..., Done], pattern: str, layout: tuple[str, str]
) -> None:
    pytest.importorskip("nvidia.dali", reason=MISSING)
    images, labels = of_archives(make, pattern, *layout)

    assert len(images) == 20
    assert all(np.array_equal(image, JOB.render(n)) for n, image in enumerate(images))
    assert {label.tobytes() for label in labels} == {b"0"}


def test_archives_of_a_split_hold_its_images(make: Callable[..., Done]) -> None:
    pytest.importorskip("nvidia.dali", reason=MISSING)
    images, _ = of_archives(make, "", "--for", "dali", "--split", "train=0.75,val=0.25")
    expected = [
        JOB.render(row["index"])
        for row in map(json.loads, Path("negatives/metadata.jsonl").read_text().splitlines())
        if row["split"] == "train"
    ]

    assert len(expected) == 16
    assert all(np.array_equal(image, expected[n % 16]) for n, image in enumerate(images))


@pytest.mark.parametrize("kind", TRAINERS["dali"].formats)
def test_every_format_that_is_allowed_is_decoded(make: Callable[..., Done], kind: str) -> None:
    pytest.importorskip("nvidia.dali", reason=MISSING)
    images, labels = of_archives(make, "", "--for", "dali", "-f", kind)

    assert {image.shape for image in images} == {(48, 64, 3)}
    assert len(labels) == 20
    assert all(abs(image.mean() - JOB.render(n).mean()) < 3 for n, image in enumerate(images))


def test_the_size_of_archives_may_be_given_beside_the_trainer(make: Callable[..., Done]) -> None:
    pytest.importorskip("nvidia.dali", reason=MISSING)
    options = "--for", "dali", "--layout", "webdataset:per_shard=7"
    images, _ = of_archives(make, "", *options)

    assert len(list(Path("negatives").glob("*.tar"))) == 3
    assert all(np.array_equal(image, JOB.render(n)) for n, image in enumerate(images))


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_our_index_is_that_of_its_own_tool(make: Callable[..., Done], kind: str) -> None:
    pytest.importorskip("nvidia.dali", reason=MISSING)
    tool = pytest.importorskip("wds2idx", reason=MISSING)
    layout = "dali,webdataset:per_shard=7"
    make("-n", 20, "-s", "64x48", "--layout", layout, "-f", kind)
    for archive in Path("negatives").glob("*.tar"):
        with tool.IndexCreator(str(archive), "own.idx") as creator:
            creator.create_index()
        assert archive.with_suffix(".idx").read_bytes() == Path("own.idx").read_bytes()


def test_coco_gives_every_image_and_no_box(make: Callable[..., Done]) -> None:
    pytest.importorskip("nvidia.dali", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "coco")

    def graph() -> tuple[Any, ...]:
        from nvidia.dali import fn

        file, boxes, labels, ids = fn.readers.coco(
            file_root="negatives", annotations_file="negatives/coco.json", skip_empty=False,
            image_ids=True,
        )  # fmt: skip
        return decoded(file), boxes, labels, ids

    images, boxes, labels, ids = outputs(graph)

    assert len(images) == 20
    assert {each.shape for each in boxes} == {(0, 4)}
    assert {each.size for each in labels} == {0}
    assert sorted(int(each.item()) for each in ids) == list(range(1, 21))
    for image, number in zip(images, ids, strict=True):
        assert np.array_equal(image, JOB.render(int(number.item()) - 1))


def test_coco_is_empty_where_images_without_a_box_are_skipped(make: Callable[..., Done]) -> None:
    pytest.importorskip("nvidia.dali", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "coco")

    def graph() -> Any:
        from nvidia.dali import fn

        return fn.readers.coco(
            file_root="negatives", annotations_file="negatives/coco.json", skip_empty=True
        )

    with pytest.raises(RuntimeError):
        outputs(graph)


def test_a_folder_of_images_is_one_class(make: Callable[..., Done]) -> None:
    pytest.importorskip("nvidia.dali", reason=MISSING)
    make("-n", 20, "-s", "64x48", "--layout", "imagefolder")

    def graph() -> tuple[Any, Any]:
        from nvidia.dali import fn

        file, label = fn.readers.file(file_root="negatives")
        return decoded(file), label

    images, labels = outputs(graph)

    assert all(np.array_equal(image, JOB.render(n)) for n, image in enumerate(images))
    assert {int(label.item()) for label in labels} == {0}
