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


@pytest.mark.cli
@pytest.mark.parametrize("options", [(), SPLIT], ids=["whole", "split"])
def test_pascal_voc_has_the_masks_and_lists_of_its_parameters(
    sets: Sets, options: tuple[str, ...]
) -> None:
    made = sets("voc:trainval=1,masks=1", *options)
    kit = "VOCdevkit/VOC2012"
    for folder in ("Main", "Segmentation"):
        lists = {name: made.read(f"{kit}/ImageSets/{folder}/{name}.txt").split()
                 for name in ("train", "trainval", *(("val",) if options else ()))}  # fmt: skip
        trainval = lists.pop("trainval")
        assert trainval == [f"{index:06d}" for index in range(COUNT)]
        assert sorted(itertools.chain(*lists.values())) == trainval
        assert [len(names) for names in lists.values()] == (
            [SHARES["train"], SHARES["val"]] if options else [COUNT]
        )
    assert "<segmented>1<" in made.read(f"{kit}/Annotations/000000.xml")
    for index in range(COUNT):
        with Image.open(made.root / f"{kit}/SegmentationClass/{index:06d}.png") as mask:
            assert (mask.mode, mask.size, mask.getextrema()) == ("L", (WIDTH, HEIGHT), (0, 0))


@pytest.mark.cli
def test_the_test_split_is_not_in_trainval(sets: Sets) -> None:
    made = sets("voc:trainval=1", "--split", "train=0.5,val=0.25,test=0.25")
    held = {row["file_name"][-10:-4] for row in made.rows if row["split"] != "test"}

    assert len(held) == COUNT * 3 // 4
    assert set(made.read("VOCdevkit/VOC2012/ImageSets/Main/trainval.txt").split()) == held
