"""Datumaro imports every image, without an annotation."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.stacks.conftest import load
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

SPLIT = ("--split", "train=0.8,val=0.2")
NAMES = ("--classes", r'cat,Käfer "x"\, <b>')
CLASSES = ("cat", 'Käfer "x", <b>')


@pytest.fixture
def datumaro() -> Any:
    return pytest.importorskip("datumaro", reason="datumaro is not installed")


def check(found: Any, subsets: dict[str, int]) -> None:
    """Check that a dataset has the images of the subsets, and the classes."""
    assert {name: len(found.get_subset(name)) for name in found.subsets()} == subsets
    assert [each.name for each in next(iter(found.categories().values()))] == [*CLASSES]
    for item in found:
        assert item.media.data.shape == (48, 64, 3)
        assert item.annotations == []


@pytest.mark.parametrize(
    ("options", "subsets"),
    [((), {"default": 20}), (SPLIT, {"default-trainset": 16})],
)
def test_the_printed_call_imports_every_image_of_the_split(
    datumaro: Any, make: Callable[..., Done], options: tuple[str, ...], subsets: dict[str, int]
) -> None:
    done = make("-n", 20, "-s", "64x48", "--for", "datumaro", *NAMES, *options)
    check(load(done, "datumaro"), subsets)


def test_each_split_is_a_subset(datumaro: Any, make: Callable[..., Done]) -> None:
    make("-n", 20, "-s", "64x48", "--for", "datumaro", *NAMES, *SPLIT)
    found = datumaro.Dataset.import_from("negatives", "coco")

    check(found, {"default-trainset": 16, "default-valset": 4})


def test_the_folders_of_roboflow_are_subsets(datumaro: Any, make: Callable[..., Done]) -> None:
    make("-n", 20, "-s", "64x48", "--layout", "roboflow", *NAMES, *SPLIT)
    found = datumaro.Dataset.import_from("negatives", "roboflow_coco")

    check(found, {"train": 16, "valid": 4})
