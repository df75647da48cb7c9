"""Keras makes a data set of one class from the folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelgen.job import Job
from tests.stacks.conftest import load
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

MISSING = "keras is not installed"
NO_TENSORFLOW = "tensorflow is not installed"


def pictures(found: Any) -> list[bytes]:
    """Return the levels of all images, in order of their bytes; each must be of class 0."""
    images = []
    for batch, labels in found:
        assert tuple(batch.shape[1:]) == (48, 64, 3)
        assert set(np.asarray(labels).tolist()) == {0}
        for image in np.asarray(batch):
            assert (image == image.astype(np.uint8)).all()
            images.append(image.astype(np.uint8).tobytes())
    return sorted(images)


def test_a_folder_of_images_is_one_class_at_its_own_size(make: Callable[..., Done]) -> None:
    pytest.importorskip("tensorflow", reason=NO_TENSORFLOW)
    pytest.importorskip("keras", reason=MISSING)
    job = Job(count=20, width=64, height=48)
    found = load(make("-n", 20, "-s", "64x48", "--for", "keras"), "keras")

    assert found.class_names == ["negatives"]
    assert pictures(found) == sorted(job.render(index).tobytes() for index in range(20))


def test_each_split_is_a_data_set_of_its_own(make: Callable[..., Done]) -> None:
    pytest.importorskip("tensorflow", reason=NO_TENSORFLOW)
    keras = pytest.importorskip("keras", reason=MISSING)
    split = "train=0.8,val=0.2"
    job = Job.parse(count=20, width=64, height=48, layout="imagefolder", split=split)
    done = make("-n", 20, "-s", "64x48", "--for", "keras", "--split", split, "--class", "noise")
    train = load(done, "keras")
    val = keras.utils.image_dataset_from_directory("negatives/val", image_size=(48, 64))

    assert train.class_names == val.class_names == ["noise"]
    for name, part in ("train", train), ("val", val):
        assert pictures(part) == sorted(
            job.render(index).tobytes() for index in range(20) if job.info.split(index) == name
        )


@pytest.mark.parametrize("kind", ["jpeg", "bmp", "gif"])
def test_every_format_that_is_allowed_is_found(make: Callable[..., Done], kind: str) -> None:
    pytest.importorskip("tensorflow", reason=NO_TENSORFLOW)
    pytest.importorskip("keras", reason=MISSING)
    found = load(make("-n", 20, "-s", "64x48", "--for", "keras", "-f", kind), "keras")

    assert len(pictures(found)) == 20


def test_a_classifier_learns_from_the_negatives_as_one_class_of_two(
    make: Callable[..., Done],
) -> None:
    pytest.importorskip("tensorflow", reason=NO_TENSORFLOW)
    keras = pytest.importorskip("keras", reason=MISSING)
    own = Path("negatives/apples")
    own.mkdir(parents=True)
    for index in range(12):
        job = Job.parse(count=12, width=64, height=48, family="solid")
        (own / f"{index}.png").write_bytes(bytes(job.maker()(index)))
    found = load(make("-n", 20, "-s", "64x48", "--for", "keras"), "keras")
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    history = model.fit(found, epochs=1, verbose=0)

    assert found.class_names == ["apples", "negatives"]
    assert np.isfinite(history.history["loss"]).all()
