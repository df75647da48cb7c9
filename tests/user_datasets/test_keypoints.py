"""Lines of YOLO that may be polygons or boxes with keypoints: no crop holds an object of either."""

from pathlib import Path

import pytest
from PIL import Image

from pixelgen import Job
from pixelgen.errors import BadValue
from pixelgen.user_datasets.boxes.base import pixel_boxes
from pixelgen.user_datasets.boxes.detect import read_labels

SIZE = (100, 100)
POSE = "0 .50 .40 .40 .60 .45 .30 .55 .30 .50 .35"
"""A box from 30,10 to 70,70, and three keypoints in it, without visibility."""
VISIBLE = "0 .50 .40 .40 .60 .45 .30 2 .55 .30 2"
BOX = [30, 10, 70, 70]
HULL = [40, 30, 55, 60]
"""The hull of all values of POSE, taken as points."""


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Make a folder of labels of two images."""
    folder = tmp_path / "own" / "labels" / "train"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text(POSE)
    (folder / "b.txt").write_text("")
    return folder


def boxes(labels: Path) -> tuple[list[list[int]], list[str]]:
    """Return the boxes of the first image, and the notes but for that of the second."""
    images = (
        labels.parents[1] / "images" / "train"
        if labels.is_dir()
        else labels.parent / "images/train"
    )
    found = read_labels(str(labels), str(images), ["a.png", "b.png"])
    left: list[list[int]] = pixel_boxes(found.images["a.png"], SIZE, 1).tolist()
    return left, [note for note in found.notes if "has no box in 1 of 2" not in note]


def describe(folder: Path, more: str = "kpt_shape: [3, 2]\n") -> Path:
    path = folder / "data.yaml"
    path.write_text(f"train: images/train\nval: images/train\nnames: [cat]\n{more}")
    return path


@pytest.mark.parametrize("above", range(3))
def test_a_data_yaml_near_the_labels_says_that_they_have_keypoints(
    above: int, labels: Path
) -> None:
    describe([labels, *labels.parents][above])
    assert boxes(labels) == ([BOX], [])


def test_a_data_yaml_without_keypoints_says_that_they_are_polygons(labels: Path) -> None:
    describe(labels.parent, "")
    assert boxes(labels) == ([HULL], [])


@pytest.mark.parametrize("yaml", ["", "names: [", "- 1", "7", "names: [a]\nkpt_shape: 17"])
def test_lines_that_may_be_either_are_avoided_both_ways(yaml: str, labels: Path) -> None:
    if yaml:
        (labels / "data.yaml").write_text(yaml)
    found, (note,) = boxes(labels)
    assert found == [HULL, BOX]
    assert note == (
        f"lines of 11 values in {labels} may be polygons, or boxes with keypoints: crops avoid"
        " both; give the data.yaml as labels, which says what they are"
    )
    data = describe(labels.parents[1])  # the advice
    assert boxes(data) == ([BOX], [])


def test_crops_hold_no_object_whichever_the_lines_are(labels: Path) -> None:
    images = labels.parents[1] / "images" / "train"
    images.mkdir(parents=True)
    scene = Image.new("RGB", SIZE, "green")
    for left, top, right, bottom in (BOX, HULL):
        scene.paste("red", (left, top, right, bottom))
    scene.save(images / "a.png")
    family = f"crop:source={images},labels={labels},margin=0"
    job = Job(count=60, size=9, family=family).scan_sources()
    assert {tuple(pixel) for crop in job for pixel in crop.reshape(-1, 3)} == {(0, 128, 0)}
    with pytest.raises(BadValue, match=r"has room for 90x90 .* \(lines of 11 values .*data\.yaml"):
        Job(count=1, size=90, family=family).scan_sources()


def test_lines_of_several_lengths_are_polygons(labels: Path) -> None:
    (labels / "b.txt").write_text("1 .1 .1 .9 .9 .1 .9\n")
    assert boxes(labels) == ([HULL], [])


@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (1, 1), (0.005, 1.005), (0.5, 0.5)])
@pytest.mark.parametrize("second", [(0, 0), (1, 1), (-0.005, 0.5), (1.005, 1.005)])
def test_no_polygon_is_refused_for_what_it_would_be_with_keypoints(
    corner: tuple[float, float], second: tuple[float, float], labels: Path
) -> None:
    values = (*corner, *second, 0.2, 0.3, 0.4, 0.6)
    (labels / "a.txt").write_text(f"0 {' '.join(map(str, values))}\n")
    found, _ = boxes(labels)
    across, down = ([min(max(each, 0), 1) for each in values[n::2]] for n in (0, 1))
    assert found[0][0] <= min(across) * 100
    assert found[0][1] <= min(down) * 100
    assert found[0][2] >= max(across) * 100
    assert found[0][3] >= max(down) * 100


def test_keypoints_that_are_visible_are_not_called_pixels(labels: Path) -> None:
    (labels / "a.txt").write_text(VISIBLE)
    with pytest.raises(BadValue, match=r"line 1: every third value .* give the data.yaml") as error:
        boxes(labels)
    assert "divide" not in str(error.value)
    data = describe(labels.parents[1], "")
    with pytest.raises(BadValue, match=r"with their number: kpt_shape: \[17, 3\]"):
        boxes(data)
    describe(labels.parents[1], "kpt_shape: [2, 3]")
    assert boxes(data) == boxes(labels) == ([BOX], [])


def test_lines_that_do_not_have_the_keypoints_of_the_data_yaml_are_refused(labels: Path) -> None:
    data = describe(labels.parents[1], "kpt_shape: [17, 3]")
    with pytest.raises(
        BadValue, match=r"has 11 values, and by kpt_shape in data\.yaml a line has 56"
    ):
        boxes(data)
    (labels / "a.txt").write_text("0 .50 .40 .40 .60")
    assert boxes(data) == ([BOX], [])


@pytest.mark.parametrize("shape", ["17", "[17]", "[17, 4]", "[0, 3]", "[a, b]"])
def test_an_invalid_number_of_keypoints_is_refused(shape: str, labels: Path) -> None:
    data = describe(labels.parents[1], f"kpt_shape: {shape}")
    with pytest.raises(
        BadValue, match=r"kpt_shape is .*; write the number of keypoints, and 2 or 3"
    ):
        boxes(data)
