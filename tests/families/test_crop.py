"""Crops of the user's images: away from objects, anywhere there, at any scale, and reproducible."""

import hashlib
import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelgen import Job
from pixelgen.dataset.source_record import SOURCES
from pixelgen.errors import PixelgenError
from pixelgen.families import Shape
from pixelgen.families.base import fingerprint
from pixelgen.families.crop import Crop
from pixelgen.numeric.box_filter import QUARTERS, reduce_area
from pixelgen.rng import Stream
from pixelgen.source_images import CROP_WORDS, CropRoom, SourceFolder, SourceImage, decoded
from tests.support.command import Done, Run, tree_digest

Make = Callable[..., Done]
RED = (255, 0, 0)
BOXES = {"a.png": [(20, 30, 25, 20)], "b.png": [(0, 0, 30, 90), (100, 40, 20, 20)], "c.png": []}
"""x, y, width and height of the red objects, by image of 130 x 90 pixels."""


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Make images with red objects in images/, and their boxes in boxes.json."""
    (tmp_path / "images").mkdir()
    rows, columns = np.indices((90, 130))
    for number, (name, boxes) in enumerate(BOXES.items()):
        waves = [np.sin(rows / (3 + number + c)) + np.cos(columns / (7 + c)) for c in range(3)]
        levels = (np.stack(waves, -1) * 60 + 127).astype(np.uint8)
        for x, y, width, height in boxes:
            levels[y : y + height, x : x + width] = RED
        Image.fromarray(levels).save(tmp_path / "images" / name)
    content = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(BOXES)],
        "annotations": [{"id": 0, "image_id": n, "bbox": box, "category_id": 1}
                        for n, each in enumerate(BOXES.values()) for box in each],
        "categories": [{"id": 1, "name": "red"}],
    }  # fmt: skip
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    return tmp_path


def family(scenes: Path, **parameters: object) -> str:
    given = "".join(f",{key}={value}" for key, value in parameters.items())
    return f"crop:source={scenes}/images,labels={scenes}/boxes.json{given}"


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]


def has_red(pixels: np.ndarray[Any, Any]) -> bool:
    return bool((pixels == RED).all(axis=-1).any())


def boxed(size: tuple[int, int], boxes: list[tuple[int, int, int, int]]) -> SourceImage:
    return SourceImage("a.png", "", *size, np.array(boxes, "<i4").reshape(-1, 4).tobytes())


def test_no_crop_shows_an_object_and_all_of_the_rest_is_shown(scenes: Path) -> None:
    job = Job(count=300, size="16x12", family=family(scenes, margin=0)).scan_sources()
    assert not any(map(has_red, job))
    whole = Job(count=300, size="16x12", family=f"crop:source={scenes}/images").scan_sources()
    assert sum(map(has_red, whole)) > 60


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(*[st.integers(0, 1 << 20)] * 4), max_size=12),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.floats(0, 2),
    st.floats(1, 3),
    st.integers(0, 99),
)
def test_no_window_touches_a_box_with_its_margin(
    corners: list[tuple[int, int, int, int]],
    frame: tuple[int, int],
    margin: float,
    min_scale: float,
    seed: int,
) -> None:
    width, height = 97, 61
    boxes = [(x % width, y % height, x % width + 1 + w % 20, y % height + 1 + h % 20)
             for x, y, w, h in corners]  # fmt: skip
    image = boxed((width, height), boxes)
    room = CropRoom("x", "", margin, min_scale, 0.0)
    words = [*map(int, Stream(seed).integers(CROP_WORDS, 32))]
    window = room.draw(image, frame, words)
    assert (window is not None) == room.has_place(image, frame)
    if window is None:
        return
    assert 0 <= window.x <= width - window.width
    assert 0 <= window.y <= height - window.height
    assert window.width >= math.floor(frame[0] * min_scale * 0.99)
    for left, top, right, bottom in boxes:
        wide, high = (right - left) * margin, (bottom - top) * margin
        assert (
            window.x >= right + wide
            or window.x + window.width <= left - wide
            or window.y >= bottom + high
            or window.y + window.height <= top - high
        )


def test_every_free_place_is_as_likely() -> None:
    boxes = [(3, 2, 6, 5), (9, 0, 10, 4), (0, 7, 2, 9)]
    image, room = boxed((12, 9), boxes), CropRoom("x", "", 0.0, 1.0, 1.0)
    stream, seen = Stream(5), Counter[tuple[int, int]]()
    count = 6000
    for index in range(count):
        stream.seek(index)
        window = room.draw(image, (2, 3), [*map(int, stream.integers(CROP_WORDS, 32))])
        assert window is not None
        seen[window.x, window.y] += 1
    free = [
        (x, y)
        for x in range(11)
        for y in range(7)
        if all(x + 2 <= a or x >= c or y + 3 <= b or y >= d for a, b, c, d in boxes)
    ]
    assert set(seen) == {*free}
    expected = count / len(free)
    chi_squared = sum((seen[place] - expected) ** 2 / expected for place in free)
    degrees = len(free) - 1
    assert abs(chi_squared - degrees) < 4 * math.sqrt(2 * degrees)


@pytest.mark.parametrize(
    ("bounds", "scales"),
    [((2.0, 0.0), [2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4, 5, 6, 7, 8]),
     ((1.1, 1.8), [1.25, 1.5, 1.75]), ((4.5, 6.5), [5, 6]), ((1.5, 1.5), [1.5])],
)  # fmt: skip
def test_scales_are_log_uniform_up_to_the_largest_that_fits(
    bounds: tuple[float, float], scales: list[float]
) -> None:
    image, room = boxed((415, 500), []), CropRoom("", "", 0.0, *bounds)
    stream, seen = Stream(6), Counter[float]()
    count = 4000
    for index in range(count):
        stream.seek(index)
        window = room.draw(image, (51, 20), [*map(int, stream.integers(CROP_WORDS, 32))])
        assert window is not None
        assert window[2:4] == (math.ceil(51 * window.scale), math.ceil(20 * window.scale))
        seen[window.scale] += 1
    assert sorted(seen) == scales
    ends = [*scales[1:], scales[-1] + (1 if scales[-1] >= 4 else 0.25)]
    for scale, end in zip(scales, ends, strict=True):
        share = math.log(end / scale) / math.log(ends[-1] / scales[0])
        assert abs(seen[scale] - count * share) <= 4 * math.sqrt(count * share * (1 - share))


def test_a_row_says_what_was_cut_out_and_the_image_is_that(
    scenes: Path, make: Make, tmp_path: Path
) -> None:
    options = ("--family", family(scenes), "--layout", "files,review")
    make("-n", 20, "-s", "16x12", *options, "-o", "out")
    made = {}
    for row in rows_of(tmp_path / "out"):
        whole = np.asarray(Image.open(scenes / "images" / row["source"]).convert("RGB"))
        x, y = row["crop_x"], row["crop_y"]
        part = whole[y : y + row["crop_height"], x : x + row["crop_width"]]
        crop = np.asarray(Image.open(tmp_path / "out" / row["file_name"]))
        assert (crop == reduce_area(part, 12, 16, round(row["crop_scale"] * QUARTERS))).all()
        made[row["file_name"]] = row["source"]
    listed = [json.loads(line) for line in (tmp_path / "out/review.jsonl").read_text().splitlines()]
    assert [each["source"] for each in listed] == sorted({*made.values()})
    assert {
        image["file_name"]: each["source"] for each in listed for image in each["images"]
    } == made


def test_images_without_room_are_named_and_left_out(scenes: Path, run: Run) -> None:
    Image.new("RGB", (40, 9)).save(scenes / "images" / "flat.png")
    content = json.loads((scenes / "boxes.json").read_text())
    content["images"].append({"id": 9, "file_name": "flat.png"})
    (scenes / "boxes.json").write_text(json.dumps(content))
    Image.new("RGB", (90, 90)).save(scenes / "images" / "new.png")
    done = run("generate", "-n", 9, "-s", 64, "--family", family(scenes), "-o", "out")
    assert done.returncode == 0
    assert "no room for 64x64 pixels away from objects: flat.png (40x9)" in done.stderr
    assert "have no labels in" in done.stderr
    assert ": new.png" in done.stderr
    assert {row["source"] for row in rows_of(scenes / "out")} <= {"a.png", "b.png", "c.png"}
    done = run("generate", "-n", 9, "-s", 95, "--family", family(scenes), "-o", "none")
    assert done.returncode == 2
    assert "has room for 95x95 pixels away from objects; choose a smaller --size" in done.stderr
    assert not (scenes / "none").exists()


def test_without_labels_it_is_said_that_all_is_background(scenes: Path, run: Run) -> None:
    done = run("generate", "-n", 2, "-s", 20, "--family", "crop:source=images", "-o", "out")
    assert "no labels for 'images': the whole of each image is taken as background" in done.stderr


@pytest.mark.parametrize(
    ("spec", "message"),
    [("crop:source=images,split=train", "needs labels that list it"),
     ("crop:source=images,min_scale=4,max_scale=2", "max_scale=2 is below min_scale=4"),
     ("crop:source=images,min_scale=.5", "out of range 1"),
     ("crop:source=images,min_scale=1.1,max_scale=1.2", "scales are multiples of 0.25"),
     ("crop:source=images,min_scale=4.1,max_scale=4.9", "from 4 on whole numbers"),
     ("crop:source=images,margin=0.1..0.3", "margin cannot be drawn for each image"),
     ("crop:source=images,labels=boxes.json,split=train", "lists none"),
     ("crop:labels=boxes.json", "give source=DIR"),
     ("crop:source=images,labels=boxes, old.json", "write a comma within a path as")],
)  # fmt: skip
def test_contradictions_are_refused_in_one_line(
    spec: str, message: str, scenes: Path, run: Run
) -> None:
    done = run("generate", "-n", 2, "-s", 20, "--family", spec, "-o", "out")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (scenes / "out").exists()


def test_boxes_are_recorded_and_labels_not_needed_any_more(
    scenes: Path, run: Run, tmp_path: Path
) -> None:
    command = ("generate", "-n", 40, "-s", 16, "--family", family(scenes), "-q", "-o")
    assert run(*command, "whole").returncode == 0
    assert run(*command, "out", "--partition", "1/2").returncode == 0
    labels = (scenes / "boxes.json").read_text()
    (scenes / "boxes.json").write_text("{}")
    assert run(*command, "out", "--partition", "2/2").returncode == 0
    assert run("finish", "out", "-q").returncode == 0
    assert tree_digest(tmp_path / "out") == tree_digest(tmp_path / "whole")
    (tmp_path / "out/images/000007.png").write_bytes(b"")
    assert run("verify", "--deep", "out").returncode == 3
    assert run("repair", "out", "-q").returncode == 0
    assert run("verify", "--deep", "out", "-q").returncode == 0
    # The record itself is made again from images and labels that are the same.
    (scenes / "boxes.json").write_text(labels)
    (tmp_path / "out" / SOURCES).unlink()
    assert run("repair", "out", "-q").returncode == 0
    assert tree_digest(tmp_path / "out") == tree_digest(tmp_path / "whole")


def test_corrected_labels_are_noted_and_read_again_on_request(
    scenes: Path, run: Run, tmp_path: Path
) -> None:
    command = ("generate", "-n", 30, "-s", 16, "--family", family(scenes), "-o", "out")
    assert "has changed since" not in run(*command).stderr
    content = json.loads((scenes / "boxes.json").read_text())
    content["annotations"][0]["bbox"] = [0, 0, 30, 30]
    (scenes / "boxes.json").write_text(json.dumps(content))
    later = (tmp_path / "out" / SOURCES).stat().st_mtime + 1
    os.utime(scenes / "boxes.json", (later, later))
    before = tree_digest(tmp_path / "out")
    for more in ((), ("-n", 40)):
        done = run(*command, *more)
        assert done.returncode == 0
        assert "boxes.json has changed since out was begun" in done.stderr
    assert run("generate", *command[1:], "--force").returncode == 0
    assert tree_digest(tmp_path / "out") != before
    os.utime(tmp_path / "out" / SOURCES, (later, later))
    assert "has changed since" not in run(*command).stderr


def test_crops_join_the_dataset_that_they_are_cut_from(
    scenes: Path, run: Run, tmp_path: Path
) -> None:
    options = ("--family", family(scenes), "--layout", "coco", "--beside", "boxes.json")
    assert run("generate", "-n", 7, "-s", 16, *options, "-o", "out").returncode == 0
    done = run("merge", "out", "--into", "boxes.json", "--images", "images", "-o", "all.json")
    assert done.returncode == 0, done.stderr
    own = len(json.loads((scenes / "boxes.json").read_text())["images"])
    assert len(json.loads((tmp_path / "all.json").read_text())["images"]) == own + 7


def test_other_boxes_are_another_dataset(scenes: Path) -> None:
    before = Job(count=2, size=16, family=family(scenes)).scan_sources()
    content = json.loads((scenes / "boxes.json").read_text())
    content["annotations"][0]["bbox"][0] += 1
    (scenes / "boxes.json").write_text(json.dumps(content))
    assert Job(count=2, size=16, family=family(scenes)).scan_sources().digest != before.digest


@pytest.mark.parametrize(
    "boxes", ["x", [[1, 2, 3]], [[1, 2, 3, 1 << 70]], [[-1, 2, 3, 4]], {"a": 1}]
)
def test_a_record_with_other_boxes_is_refused(
    boxes: object, scenes: Path, run: Run, tmp_path: Path
) -> None:
    command = ("generate", "-n", 4, "-s", 16, "--family", family(scenes), "-q", "-o", "out")
    assert run(*command).returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / SOURCES).read_text().splitlines()]
    lines[0]["boxes"] = boxes
    (tmp_path / "out" / SOURCES).write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run("verify", "--deep", "out")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def folder_of(scenes: Path) -> SourceFolder:
    return Job(count=1, size=16, family=family(scenes)).scan_sources().sources.folders[0]


def crop_of(folder: SourceFolder, index: int) -> str:
    stream, crop = Stream(3), Crop(folder.source.path)
    stream.seek(index, crop.number, crop.version)
    drawn = crop.render_from(folder, stream, Shape(16, 16))
    assert isinstance(drawn, np.ndarray)
    return fingerprint(drawn)


def test_an_image_is_decoded_once(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def counted(path: str, image: SourceImage) -> list[decoded.Plane]:
        names.append(image.name)
        return original(path, image)

    original = decoded.decode_planes
    monkeypatch.setattr(decoded, "decode_planes", counted)
    folder = folder_of(scenes)
    with_file = [crop_of(folder, index) for index in range(60)]
    assert sorted(names) == ["a.png", "b.png", "c.png"]
    # Without space for temporary files, images are decoded again, and the pixels are the same.
    monkeypatch.setattr(decoded, "_MOST_BYTES", 0)
    folder = folder_of(scenes)
    assert [crop_of(folder, index) for index in range(60)] == with_file
    assert len(names) > 30
    monkeypatch.undo()
    monkeypatch.setattr("tempfile.tempdir", str(scenes / "missing"))
    folder = folder_of(scenes)
    assert [crop_of(folder, index) for index in range(60)] == with_file


def test_processes_forked_from_one_that_keeps_images_keep_their_own(scenes: Path) -> None:
    folder = folder_of(scenes)
    first = [crop_of(folder, index) for index in range(3)]
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        found = [*pool.map(crop_of, [folder] * 40, range(40))]
    assert found == [crop_of(folder, index) for index in range(40)]
    assert found[:3] == first


def test_a_crop_of_a_mixture_and_any_number_of_workers(
    scenes: Path, run: Run, tmp_path: Path
) -> None:
    families = ("--family", "uniform", "--family", family(scenes))
    for jobs in (1, 3):
        done = run("generate", "-n", 30, "-s", 16, *families, "-j", jobs, "-q", "-o", f"out{jobs}")
        assert done.returncode == 0
    assert tree_digest(tmp_path / "out1") == tree_digest(tmp_path / "out3")
    rows = rows_of(tmp_path / "out1")
    assert {bool(row["source"]) for row in rows} == {True, False}
    assert all(row["crop_width"] == 0 for row in rows if not row["source"])
    assert len({tuple(row) for row in rows}) == 1  # the same columns in every row


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
@pytest.mark.parametrize("depth", [8, 16])
def test_crops_have_the_mode_and_depth_that_are_wanted(mode: str, depth: int, scenes: Path) -> None:
    options: dict[str, Any] = {"family": family(scenes), "mode": mode, "depth": depth}
    image = Job(count=1, size="9x7", **options).scan_sources()[0]
    assert image.shape == (7, 9, {"L": 1, "LA": 2, "RGBA": 4}[mode])
    assert image.dtype.itemsize * 8 == depth


def test_the_pixels_of_crops_are_promised(tmp_path: Path) -> None:
    """Of an image that is exact everywhere; a changed pixel demands a new version."""
    levels = np.arange(90 * 130 * 3, dtype=np.uint32) * 2654435761 >> 24
    (tmp_path / "images").mkdir()
    Image.fromarray(levels.astype(np.uint8).reshape(90, 130, 3)).save(tmp_path / "images/a.png")
    (tmp_path / "boxes.csv").write_text("file,x,y,w,h\na.png,30,20,31,17\na.png,100,60,9,9\n")
    found = hashlib.sha256()
    for options in ("", ",margin=0.5", ",min_scale=2", ",max_scale=1.5"):
        spec = f"crop:source={tmp_path}/images,labels={tmp_path}/boxes.csv{options}"
        for pixels in Job(count=9, size="11x7", family=spec, seed=1 << 100).scan_sources():
            found.update(pixels.tobytes())
    assert found.hexdigest()[:16] == "3615e381f613a8b1"


def test_drawn_sizes_need_room_for_the_largest(scenes: Path) -> None:
    job = Job(count=40, size="8..64", family=family(scenes)).scan_sources()
    assert {folder.images for folder in job.sources.folders} == {
        Job(count=40, size=64, family=family(scenes)).scan_sources().sources.folders[0].images
    }
    assert not any(map(has_red, job))


def test_an_image_that_changed_since_is_refused(scenes: Path) -> None:
    job = Job(count=4, size=16, family=family(scenes)).scan_sources()
    shutil.copy(scenes / "images/a.png", scenes / "images/b.png")
    shutil.copy(scenes / "images/a.png", scenes / "images/c.png")
    with pytest.raises(PixelgenError, match="has changed since it was scanned"):
        list(job)
