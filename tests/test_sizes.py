"""Sizes drawn for each image: by its index alone, and right wherever a dataset tells of them."""

import json
import xml.etree.ElementTree as ET
from collections import Counter
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelgen.contact_sheet import tiles_of_dataset
from pixelgen.dataset.api import generate, load, remove, verify
from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial
from pixelgen.errors import BadValue
from pixelgen.generator import MODES
from pixelgen.image_types import Sizes
from pixelgen.job import Job
from pixelgen.registry import components
from pixelgen.storage import LocalStore
from tests.layouts.support import missing
from tests.support.command import Run, tree_digest
from tests.support.faults import layouts

SIZE = "9..20x8..17|24x12"
SERIAL = RunConfig(Serial())
LAYOUTS = [
    each
    for each in (*layouts(4), "tfrecord:per_shard=4", "parquet,hf", "webdataset,csv,dali,hf,wids",
                 "voc:masks=1,csv")
    if not each.startswith("npy")
]  # fmt: skip


def sizes_of(job: Job, count: int) -> Counter[tuple[int, int]]:
    shapes = (job.image.shape_at(index) for index in range(count))
    return Counter((shape.width, shape.height) for shape in shapes)


@pytest.mark.parametrize(
    ("text", "spelled", "smallest", "largest"),
    [
        ("64", "64x64", (64, 64), (64, 64)),
        ("64X48", "64x48", (64, 48), (64, 48)),
        ("8..20", "8..20", (8, 8), (20, 20)),
        ("8..20x8..20", "8..20x8..20", (8, 8), (20, 20)),
        ("8..20x9", "8..20x9", (8, 9), (20, 9)),
        ("8x9..12", "8x9..12", (8, 9), (8, 12)),
        ("8x6..16x12", "8x6..16x12", (8, 6), (16, 12)),
        ("8x6..8x12", "8x6..12", (8, 6), (8, 12)),
        ("32x24 | 64x48|8..9", "32x24|64x48|8..9", (8, 8), (64, 48)),
    ],
)
def test_sizes_are_read_and_spelled_alike(
    text: str, spelled: str, smallest: tuple[int, int], largest: tuple[int, int]
) -> None:
    job = Job(count=3, size=text)
    size = job.image.size
    assert (str(size), size.smallest, size.largest) == (spelled, smallest, largest)
    assert Sizes.parse(str(size)) == size
    assert Job.parse(**job.to_dict()) == job
    assert Job.parse(**job.to_dict()).digest == job.digest
    assert ("size" in job.to_dict()) != size.is_fixed


def test_every_size_of_a_range_is_equally_likely() -> None:
    free = sizes_of(Job(size="2..4x3..5"), 9000)
    assert {*free} == {*product((2, 3, 4), (3, 4, 5))}
    assert max(abs(count - 1000) for count in free.values()) < 150  # five standard deviations
    squares = sizes_of(Job(size="3..7|90x20"), 10_000)
    assert {*squares} == {*((side, side) for side in range(3, 8)), (90, 20)}
    assert abs(squares[90, 20] - 5000) < 250
    between = sizes_of(Job(size="40x30..80x60"), 5000)
    assert {width for width, _ in between} == {*range(40, 81)}
    assert all(abs(height - width * 3 / 4) <= 0.5 for width, height in between)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mode", MODES)
def test_an_image_is_the_one_that_a_dataset_of_its_size_has(mode: str, depth: int) -> None:
    for family in components("family"):
        job = Job(count=6, size=SIZE, family=family, mode=mode, depth=depth, color="red")
        for index in (0, 5, 3):
            shape = job.image.shape_at(index)
            plain = Job(count=6, size=(shape.width, shape.height), family=family, mode=mode,
                        depth=depth, color="red")  # fmt: skip
            assert np.array_equal(job[index], plain[index]), family


def test_the_size_of_an_image_depends_on_the_seed_and_its_index_alone() -> None:
    job = Job(count=8, size=SIZE)
    shapes = [image.shape for image in job]
    assert len({*shapes}) > 2
    assert [image.shape for image in Job(count=5, size=SIZE, start=3)] == shapes[3:]
    assert [image.shape for image in Job(count=8, size=SIZE, family="fbm")] == shapes
    assert [image.shape for image in Job(count=8, size=SIZE, seed=1)] != shapes


@pytest.mark.parametrize(
    ("size", "seed", "promised"),
    [
        (SIZE, 0, [(10, 16), (24, 12), (15, 9), (16, 13), (24, 12)]),
        ("256..640", 0, [(306, 306), (446, 446), (465, 465), (499, 499), (343, 343)]),
        (
            "320x240..640x480",
            1 << 100,
            [(320, 240), (482, 362), (533, 400), (491, 368), (592, 444)],
        ),
    ],
)
def test_sizes_are_promised(size: str, seed: int, promised: list[tuple[int, int]]) -> None:
    job = Job(size=size, seed=seed, count=5)
    assert [(shape.width, shape.height) for shape in map(job.image.shape_at, range(5))] == promised


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_dataset_says_of_each_image_the_size_it_has(layout: str, tmp_path: Path) -> None:
    options: dict[str, object] = {
        "size": SIZE,
        "layout": layout,
        "color": "red",
        "family": ["shapes", "uniform"],
    }
    for count in (11, 22):
        job = Job.parse(count=count, **options)
        generate(job, LocalStore(str(tmp_path / "d"), "none"), run=SERIAL)
        assert verify(tmp_path / "d", deep=True, jobs=1).damage == []
    dataset = load(tmp_path / "d")
    assert [image.shape[:2] for image in dataset.images] == [
        (row["height"], row["width"]) for row in dataset.rows
    ]
    assert dataset.images[7].shape[:2] == job.image.shape_at(7)[:2]
    tiles = [*tiles_of_dataset(job, dataset.store, 22)]
    assert [tile.image.size[::-1] for tile in tiles] == [
        image.shape[:2] for image in dataset.images
    ]
    generate(job, LocalStore(str(tmp_path / "whole"), "none"), jobs=2)
    assert tree_digest(tmp_path / "d") == tree_digest(tmp_path / "whole")
    remove(tmp_path / "d", [3], run=SERIAL)
    assert verify(tmp_path / "d", deep=True, jobs=1).damage == []


def test_labels_have_the_sizes_of_their_images(tmp_path: Path) -> None:
    options: dict[str, object] = {"count": 12, "size": SIZE}
    generate(Job.parse(layout="coco,masks,dlib", **options), tmp_path / "files", jobs=1)
    coco = json.loads((tmp_path / "files/coco.json").read_text())["images"]
    for image in coco:
        with Image.open(tmp_path / "files" / image["file_name"]) as opened:
            assert opened.size == (image["width"], image["height"])
        mask = tmp_path / "files/masks" / Path(image["file_name"]).name
        with Image.open(mask) as opened:
            assert opened.size == (image["width"], image["height"])
    assert len({(image["width"], image["height"]) for image in coco}) > 2

    generate(Job.parse(layout="voc:masks=1", format="jpeg", **options), tmp_path / "voc", jobs=1)
    root = tmp_path / "voc/VOCdevkit/VOC2012"
    for path in (root / "JPEGImages").iterdir():
        size = ET.parse(root / f"Annotations/{path.stem}.xml").find("size")  # noqa: S314 - made here
        assert size is not None
        sides = tuple(int(size.findtext(side, "")) for side in ("width", "height"))
        for image_path in (path, root / f"SegmentationClass/{path.stem}.png"):
            with Image.open(image_path) as opened:
                assert opened.size == sides


def test_records_of_tensorflow_have_the_sizes_of_their_images(tmp_path: Path) -> None:
    reader = pytest.importorskip("tfrecord.reader")
    generate(Job.parse(count=9, size=SIZE, layout="tfrecord"), tmp_path, jobs=1)
    seen = set()
    for path in sorted(tmp_path.glob("*.tfrecord-*")):
        for record in reader.tfrecord_loader(str(path), None):
            with Image.open(BytesIO(bytes(record["image/encoded"]))) as opened:
                assert opened.size == (record["image/width"][0], record["image/height"][0])
                seen.add(opened.size)
    assert len(seen) > 2


def test_npy_files_of_images_have_their_sizes(tmp_path: Path) -> None:
    job = Job(count=7, size=SIZE, format="npy", depth=16)
    generate(job, tmp_path, jobs=1)
    for number, image in enumerate(load(tmp_path).images):
        assert np.array_equal(image, job[number])


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        (("-s", "20..8"), "20..8 smaller first"),
        (("-s", "8x20..16x10"), "8x20..16x10 smaller first"),
        (("-s", "8-20"), "'8-20' 8..20"),
        (("-s", "8...20"), "'8...20' 8..20"),
        (("-s", "8..20..30"), "WIDTHxHEIGHT"),
        (("-s", "8x8|"), "WIDTHxHEIGHT"),
        (("-s", "0..20"), "width 0 range"),
        (("-s", "8..70000"), "at most 2,147,483,647 bytes smaller"),
        (("-s", "8..20", "--layout", "npy"), "npy one size 8..20 300x200"),
        (("-s", "8..20", "--remote"), "8..20 remote 300x200"),
        (("-s", "8..20", "--for", "mmdet"), "8..20 32 larger"),
        (("-s", "64..70000x64", "-f", "jpeg"), "jpeg 70000x64 sides"),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be_are_refused_in_a_line(
    run: Run, options: tuple[str, ...], facts: str, tmp_path: Path
) -> None:
    done = run("generate", "-n", 3, *options, "-o", "d", PIXLAB_KEY="k")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert missing(facts, done.stderr) == []
    assert not (tmp_path / "d").exists()


def test_a_size_replaces_that_of_a_recipe(run: Run, tmp_path: Path) -> None:
    for recipe, options, size in (
        ("size = '8..20'", (), "8..20"),
        ("size = '8..20'", ("--width", 9), "9x9"),
        ("width = 40\nheight = 30", ("-s", "8..20"), "8..20"),
    ):
        (tmp_path / "recipe.toml").write_text(recipe)
        done = run("generate", "--recipe", "recipe.toml", *options, "--dry-run")
        assert f"100 images of {size} " in done.stdout, done.stderr


def test_sources_must_cover_the_largest_size(tmp_path: Path) -> None:
    Image.new("RGB", (30, 30)).save(tmp_path / "small.png")
    family = f"pixel_shuffle:source={tmp_path}"
    assert Job(count=2, size="8..30", family=family).scan_sources()[1].shape[0] <= 30
    with pytest.raises(BadValue, match="smaller"):
        Job(count=2, size="8..31", family=family).scan_sources()
