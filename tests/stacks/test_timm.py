"""timm reads the folder of the class, by the call that is printed."""

from collections.abc import Callable

import pytest

from pixelgen.trainers import TRAINERS
from tests.stacks.conftest import load
from tests.support.command import Done

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("kind", TRAINERS["timm"].formats)
@pytest.mark.parametrize("split", [(), ("--split", "train=0.8,val=0.2")], ids=["whole", "split"])
def test_the_printed_call_reads_every_image(
    make: Callable[..., Done], split: tuple[str, ...], kind: str
) -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    done = make("-n", 20, "-s", "64x48", "--for", "timm", "--class", "noise", "-f", kind, *split)
    found = load(done, "timm.data")

    assert len(found) == (16 if split else 20)
    assert found.reader.class_to_idx == {"noise": 0}
    assert all(image.size == (64, 48) and label == 0 for image, label in found)
