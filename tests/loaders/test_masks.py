"""Masks of segmentation: as the printed call gives them, and unseen by other loaders."""

import itertools
import pathlib

import pytest
from PIL import Image

from tests.loaders.conftest import COUNT, HEIGHT, SHARES, SPLIT, WIDTH, Offline, Sets


@pytest.mark.cli
@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("options", [(), SPLIT], ids=["whole", "split"])
def test_the_printed_call_gives_each_image_a_mask_of_one_level(
    sets: Sets, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], value: int
) -> None:
    made = sets(f"masks:value={value}", *options)
    monkeypatch.chdir(made.root.parent)
    pairs = eval(made.calls[-1], {"pathlib": pathlib})  # noqa: S307

    rows = [row for row in made.rows if row.get("split", "") == ("train" if options else "")]
    assert len(rows) == (SHARES["train"] if options else COUNT)
    assert [str(image) for image, _ in pairs] == [f"negatives/{row['file_name']}" for row in rows]
    for path, mask_path in pairs:
        assert path.stem == mask_path.stem
        with Image.open(mask_path) as mask:
            assert (mask.mode, mask.size) == ("L", (WIDTH, HEIGHT))
            assert mask.getextrema() == (value, value)


@pytest.mark.cli
def test_every_image_has_a_mask_and_is_in_one_list(sets: Sets) -> None:
    made = sets("masks", *SPLIT)
    listed = [made.read(f"masks-{split}set.txt").split() for split in SHARES]
    masks = [name for name in made.files if name.startswith("masks/")]

    assert [len(names) for names in listed] == [*SHARES.values()]
    assert masks == [f"masks/{name}.png" for name in sorted(itertools.chain(*listed))]


@pytest.mark.cli
@pytest.mark.slow
def test_hugging_face_datasets_takes_no_mask_for_an_image(sets: Sets, offline: Offline) -> None:
    made = sets("masks,hf")
    code = """
import datasets
first = datasets.load_dataset("imagefolder", data_dir=given, split="train")
second = datasets.load_dataset(given, split="train")
masks = datasets.load_dataset("imagefolder", data_dir=f"{given}/masks", split="train")
print(json.dumps([len(first), len(second), len(masks), first[0]["image"].mode]))
"""
    assert offline(code, str(made.root)) == [COUNT, COUNT, COUNT, "RGB"]
