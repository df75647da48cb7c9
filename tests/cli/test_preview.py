"""Contact sheets, by what they show pixel for pixel, and the command that makes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelgen.cli import main
from pixelgen.contact_sheet import Tile, fit, sheet, tiles_of_dataset, tiles_of_job
from pixelgen.dataset.run_config import RunConfig
from pixelgen.families import Family
from pixelgen.formats import Format
from pixelgen.generator import MODES
from pixelgen.job import Job
from pixelgen.registry import components
from pixelgen.storage import LocalStore
from tests.support.command import Done, Run
from tests.support.datasets import write

Here = Callable[..., Done]
Levels = npt.NDArray[np.uint8]

GAP, CAPTION = 6, 16
HOLD_16 = [
    pytest.param(part.name, mode, id=f"{part.name}-{mode}")
    for part in components(Format.kind).values()
    if issubclass(part, Format)
    for mode, depths in part.holds.items()
    if 16 in depths
]


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Here:
    """Run ``pixelgen preview`` in this process, which takes less time, in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        words = ["preview", *map(str, arguments)]
        code = main(words)
        said = capfd.readouterr()
        return Done(words, code, said.out, said.err)

    return run


def make(folder: Path, **fields: Any) -> Job:
    """Make a dataset; return its job."""
    job = Job.parse(**fields)
    assert write(job, LocalStore(str(folder), "none"), RunConfig(jobs=1)).is_complete
    return job


def levels(image: Image.Image) -> Levels:
    """Return a picture as an array of RGB."""
    return np.asarray(image.convert("RGB"))


def tile(paper: Levels, number: int, columns: int, side: int) -> Levels:
    """Cut the square of a tile out of a sheet."""
    row, column = divmod(number, columns)
    top, left = GAP + row * (side + CAPTION + GAP), GAP + column * (side + GAP)
    return paper[top : top + side, left : left + side]


def caption(paper: Levels, number: int, columns: int, side: int) -> Levels:
    """Cut what stands below a tile out of a sheet."""
    row, column = divmod(number, columns)
    top, left = GAP + row * (side + CAPTION + GAP) + side, GAP + column * (side + GAP)
    return paper[top : top + CAPTION, left : left + side]


def enlarged(pixels: npt.NDArray[np.integer], times: int) -> Levels:
    """Repeat each pixel, in RGB."""
    colors = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return colors.repeat(times, axis=0).repeat(times, axis=1).astype(np.uint8)


def checker(height: int, width: int) -> Levels:
    """Return the board that shows through, squares of 8 pixels, light first."""
    rows, columns = np.ogrid[0:height, 0:width]
    light = (rows // 8 + columns // 8) % 2 == 0
    return np.where(light, 153, 102)[..., None].repeat(3, axis=2).astype(np.uint8)


def one_line(done: Done, code: int) -> str:
    """Return the error of a command, which must be one line and nothing else."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("pixelgen: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


# Sheets


@pytest.mark.parametrize(
    ("count", "columns", "size"),
    [
        (1, 5, (1, 1)),
        (4, 5, (4, 1)),
        (5, 5, (5, 1)),
        (6, 5, (5, 2)),
        (7, 3, (3, 3)),
        (3, 1, (1, 3)),
    ],
)
def test_a_sheet_is_as_large_as_its_rows_of_tiles(
    count: int, columns: int, size: tuple[int, int]
) -> None:
    tiles = list(tiles_of_job(Job(count=count, width=4, height=4)))
    paper = sheet(tiles, columns, 32)
    assert paper.mode == "RGB"
    assert paper.size == (
        size[0] * (32 + GAP) + GAP,
        size[1] * (32 + CAPTION + GAP) + GAP,
    )


def test_a_tile_shows_the_pixels_of_its_image() -> None:
    job = Job(count=7, width=16, height=16, seed=3)
    paper = levels(sheet(list(tiles_of_job(job)), 3, 48))
    for index in range(7):
        np.testing.assert_array_equal(tile(paper, index, 3, 48), enlarged(job[index], 3))


def test_between_tiles_there_is_only_background() -> None:
    tiles = [Tile("", image) for _, image in tiles_of_job(Job(count=5, width=8, height=8))]
    paper = levels(sheet(tiles, 3, 24)).copy()
    for index in range(5):
        tile(paper, index, 3, 24)[:] = paper[0, 0]
    assert (paper == (24, 24, 27)).all()


def test_captions_are_below_their_tiles_and_differ() -> None:
    image = Image.new("RGB", (8, 8), "red")
    paper = levels(sheet([Tile(text, image) for text in ("a", "b", "", "a")], 4, 32))
    shown = [caption(paper, index, 4, 32) for index in range(4)]
    assert (shown[0] != paper[0, 0]).any()
    assert not np.array_equal(shown[0], shown[1])
    np.testing.assert_array_equal(shown[0], shown[3])
    assert (shown[2] == paper[0, 0]).all()


@pytest.mark.parametrize(
    ("size", "fitted"), [((16, 8), (32, 16)), ((8, 16), (16, 32)), ((64, 32), (32, 16))]
)
def test_an_oblong_image_keeps_its_shape_in_the_middle_of_its_tile(
    size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    job = Job.parse(
        count=1, width=size[0], height=size[1], family=known_family("solid", tone="white")
    )
    shown = tile(levels(sheet(list(tiles_of_job(job)), 1, 32)), 0, 1, 32)
    rows, columns = np.nonzero((shown == 255).all(axis=-1))
    left, top = (32 - fitted[0]) // 2, (32 - fitted[1]) // 2
    assert (columns.min(), rows.min()) == (left, top)
    assert (columns.max() + 1, rows.max() + 1) == (left + fitted[0], top + fitted[1])
    assert len(rows) == fitted[0] * fitted[1]


def known_family(name: str, **parameters: str) -> Family:
    """Make a family by its name."""
    part = components(Family.kind)[name](**parameters)
    assert isinstance(part, Family)
    return part


def test_a_large_image_is_subsampled_and_not_averaged() -> None:
    job = Job.parse(count=1, width=96, height=96, family=known_family("rademacher"))
    shown = levels(fit(next(iter(tiles_of_job(job))).image, 32))
    assert shown.shape == (32, 32, 3)
    assert np.unique(shown).tolist() == [0, 255]
    np.testing.assert_array_equal(shown, job[0][1::3, 1::3])


def test_an_extremely_long_image_still_has_a_pixel_across() -> None:
    assert fit(Image.new("RGB", (5000, 1)), 32).size == (32, 1)
    assert fit(Image.new("L", (1, 5000)), 32).size == (1, 32)


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_background_shows_a_checkerboard(mode: str, depth: int) -> None:
    job = Job.parse(
        count=1, width=32, height=24, mode=mode.rstrip("A") + "A", depth=depth, color="tr"
    )
    pixels = job[0] >> (depth - 8)
    opaque = pixels[..., -1:] == 255
    assert 0.3 < opaque.mean() < 0.7
    shown = levels(fit(next(iter(tiles_of_job(job))).image, 32))
    np.testing.assert_array_equal(shown, np.where(opaque, pixels[..., :-1], checker(24, 32)))


def test_a_partly_transparent_background_is_mixed_with_the_checkerboard() -> None:
    job = Job.parse(count=1, width=16, height=16, color="#ff000080", density=0)
    shown = levels(fit(next(iter(tiles_of_job(job))).image, 16))
    mixed = (128 * np.array((255, 0, 0)) + 127 * checker(16, 16).astype(int)) / 255
    assert np.abs(shown - mixed).max() <= 1


# Previews of datasets


def test_a_preview_of_a_dataset_shows_the_pixels_of_its_files(run: Run, tmp_path: Path) -> None:
    make(tmp_path / "set", count=7, width=16, height=16, seed=5)
    done = run("preview", "set", "-o", "sheet.png", "--columns", 3, "--tile", 32)
    assert (done.returncode, done.stdout, done.stderr) == (0, "sheet.png\n", "")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.format == "PNG"
        assert image.size == (3 * 38 + 6, 3 * 54 + 6)
        paper = levels(image)
    for index in range(7):
        with Image.open(tmp_path / "set" / "images" / f"{index:06d}.png") as image:
            wanted = enlarged(np.asarray(image), 2)
        np.testing.assert_array_equal(tile(paper, index, 3, 32), wanted)
        assert (caption(paper, index, 3, 32) != paper[0, 0]).any()
    assert (tile(paper, 7, 3, 32) == paper[0, 0]).all()


def test_a_preview_of_a_dataset_reads_its_files_and_not_its_job(here: Here, tmp_path: Path) -> None:
    job = make(tmp_path / "set", count=2, width=16, height=16)
    Image.new("RGB", (16, 16), "red").save(tmp_path / "set" / "images" / "000001.png")
    assert here("set", "-o", "sheet.png", "--tile", 16).returncode == 0
    with Image.open(tmp_path / "sheet.png") as image:
        paper = levels(image)
    np.testing.assert_array_equal(tile(paper, 0, 2, 16), job[0])
    assert (tile(paper, 1, 2, 16) == (255, 0, 0)).all()


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (3, 3), (5, 5), (9, 5)])
@pytest.mark.parametrize("layout", ["files", "tar", "tar:per_shard=2"])
def test_a_preview_shows_the_first_images_of_any_layout(
    count: int, shown: int, layout: str, tmp_path: Path
) -> None:
    job = make(tmp_path, count=5, width=6, height=5, layout=layout)
    tiles = list(tiles_of_dataset(job, LocalStore(str(tmp_path)), count))
    assert [text for text, _ in tiles] == [f"{index:06d}.png" for index in range(shown)]
    for index, (_, image) in enumerate(tiles):
        np.testing.assert_array_equal(levels(image), job[index])


@pytest.mark.parametrize(("name", "mode"), HOLD_16)
def test_a_preview_of_16_bit_images_shows_the_high_bytes(
    name: str, mode: str, here: Here, tmp_path: Path
) -> None:
    job = make(tmp_path / "set", count=2, width=16, height=16, mode=mode, depth=16, format=name)
    done = here("set", "-o", "sheet.png", "--tile", 16)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "sheet.png") as image:
        paper = levels(image)
    for index in range(2):
        high = (job[index] >> 8)[..., : len(mode.rstrip("A"))]
        shown = tile(paper, index, 2, 16).astype(int)
        assert np.abs(shown - high).max() <= 1  # a reader may round


@pytest.mark.parametrize("mode", list(MODES))
def test_a_preview_of_arrays_equals_one_of_image_files(
    mode: str, here: Here, tmp_path: Path
) -> None:
    look = {"color": "tr"} if mode.endswith("A") else {}
    sheets = []
    for name in ("npy", "png"):
        make(tmp_path / name, count=2, width=16, height=16, mode=mode, format=name, **look)
        assert here(name, "-o", f"{name}-sheet.png", "--tile", 64).returncode == 0
        with Image.open(tmp_path / f"{name}-sheet.png") as image:
            sheets.append(levels(image))
    for index in range(2):
        shown, wanted = (tile(paper, index, 2, 64) for paper in sheets)
        np.testing.assert_array_equal(shown, wanted)
        assert len(np.unique(shown)) > 10


# Families and files


def test_a_sheet_of_all_families_has_a_tile_for_each(run: Run, tmp_path: Path) -> None:
    done = run("preview", "--family", "all", "--seed", 9, "--tile", 32, "-o", "sheet.png")
    assert (done.returncode, done.stdout) == (0, "sheet.png\n")
    families = list(components(Family.kind))
    with Image.open(tmp_path / "sheet.png") as image:
        columns, rows = min(5, len(families)), -(-len(families) // 5)
        assert image.size == (columns * 38 + 6, rows * 54 + 6)
        paper = levels(image)
    for number, family in enumerate(families):
        job = Job.parse(count=1, width=32, height=32, seed=9, family=family)
        np.testing.assert_array_equal(tile(paper, number, columns, 32), job[0])


def test_a_sheet_of_one_family_has_as_many_images_as_asked_for(here: Here, tmp_path: Path) -> None:
    family = "gaussian:sigma=9"
    done = here("--family", family, "-n", 3, "--tile", 32, "--color", "red", "-o", "a.png")
    assert done.returncode == 0, done.stderr
    job = Job.parse(count=3, width=32, height=32, family=family, color="red")
    with Image.open(tmp_path / "a.png") as image:
        paper = levels(image)
    assert paper.shape == (32 + CAPTION + 2 * GAP, 3 * 38 + 6, 3)
    for index in range(3):
        np.testing.assert_array_equal(tile(paper, index, 3, 32), job[index])


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("WebP", "WEBP"), ("bmp", "BMP")])
def test_the_suffix_of_a_preview_selects_its_format(
    suffix: str, kind: str, here: Here, tmp_path: Path
) -> None:
    assert here("-n", 1, "--tile", 8, "-o", f"sheet.{suffix}").returncode == 0
    with Image.open(tmp_path / f"sheet.{suffix}") as image:
        assert image.format == kind


# The terminal


def test_without_a_terminal_a_preview_is_text_without_colors(run: Run, tmp_path: Path) -> None:
    make(tmp_path / "set", count=3, width=10, height=6)
    done = run("preview", "set")
    assert (done.returncode, done.stderr) == (0, "")
    assert "▀" in done.stdout
    assert "\x1b" not in done.stdout
    for index in range(3):
        assert f"{index:06d}.png" in done.stdout


def test_a_color_preview_shows_two_pixels_per_cell(run: Run) -> None:
    done = run("preview", "-n", 1, "-s", 24, FORCE_COLOR="1", COLORTERM="truecolor", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    pixels = Job(count=1, width=24, height=24)[0].tolist()
    for y in (0, 11):
        for upper, lower in zip(pixels[2 * y], pixels[2 * y + 1], strict=True):
            colors = [*("38", "2", *upper), *("48", "2", *lower)]
            assert f"\x1b[{';'.join(map(str, colors))}m▀" in done.stdout


def test_a_preview_is_plain_text_if_stdout_cannot_encode_blocks(run: Run) -> None:
    done = run("preview", "-n", 1, "--tile", 8, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "uniform" in done.stdout


# What is refused


@pytest.mark.parametrize("name", ["sheet", "sheet.", "sheet.foo", "sheet.fli", "sheet.npy"])
def test_a_preview_file_without_an_image_suffix_is_refused(
    name: str, here: Here, tmp_path: Path
) -> None:
    error = one_line(here("-n", 1, "-o", name), 2)
    assert repr(name) in error
    assert "sheet.png" in error
    assert not list(tmp_path.iterdir())


def test_a_preview_format_without_colors_is_refused(run: Run, tmp_path: Path) -> None:
    error = one_line(run("preview", "-n", 1, "-o", "sheet.xbm"), 2)
    assert "sheet.xbm" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options",
    [
        ["--family", "uniform"], ["--family", "all"], ["-s", "8x8"], ["--width", "8"],
        ["--color", "red"], ["--density", "0.5"], ["--mode", "L"], ["--depth", "16"],
        ["--seed", "0"], ["--limit", "uniform=5"],
    ],
)  # fmt: skip
def test_a_preview_of_a_dataset_takes_no_options_of_generate(
    options: list[str], here: Here, tmp_path: Path
) -> None:
    make(tmp_path / "set", count=1, width=8, height=8)
    assert "cannot be combined" in one_line(here("set", *options), 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-n", "0"], ["-n", "1001"], ["--columns", "0"], ["--tile", "7"], ["--tile", "1025"],
        ["--family", "nosuch"], ["--family", "gaussian:nosuch=1"], ["--color", "#ggg"],
        ["--density", "0.5"], ["-s", "0x0"], ["--depth", "12"], ["a", "b"], ["--nosuch"],
    ],
)  # fmt: skip
def test_a_preview_with_invalid_options_is_refused(
    arguments: list[str], here: Here, tmp_path: Path
) -> None:
    one_line(here(*arguments, "-o", "sheet.png"), 2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("there", [True, False])
def test_a_preview_of_a_directory_without_dataset_fails(
    there: bool, here: Here, tmp_path: Path
) -> None:
    if there:
        (tmp_path / "set").mkdir()
    error = one_line(here("set", "-o", "sheet.png"), 2)
    assert "set" in error
    assert not (tmp_path / "sheet.png").exists()


def test_an_unfinished_dataset_has_no_preview(here: Here, tmp_path: Path) -> None:
    make(tmp_path / "set", count=1, width=8, height=8)
    (tmp_path / "set" / "metadata.jsonl").unlink()
    assert "is missing" in one_line(here("set"), 3)
    (tmp_path / "set" / ".pixelgen.journal").touch()
    assert "not finished" in one_line(here("set"), 1)


def test_a_dataset_without_images_has_no_preview(here: Here, tmp_path: Path) -> None:
    make(tmp_path / "set", count=0)
    assert "no image" in one_line(here("set"), 2)


@pytest.mark.parametrize("name", ["png", "npy", "tar"])
@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "missing"])
def test_a_preview_names_a_damaged_file_in_one_line(
    name: str, damage: str, run: Run, tmp_path: Path
) -> None:
    how = {"layout": "tar"} if name == "tar" else {"format": name}
    make(tmp_path / "set", count=2, width=16, height=16, **how)
    path = next(iter(sorted((tmp_path / "set").rglob(f"*.{name}"))))
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        broken = {"truncated": content[:90], "garbage": b"garbage" * 200, "empty": b""}
        path.write_bytes(broken[damage])
    assert path.name in one_line(run("preview", "set", "-o", "sheet.png"), 3)
    assert not (tmp_path / "sheet.png").exists()


def test_a_sheet_that_cannot_be_written_fails_in_one_line(run: Run) -> None:
    arguments = ["preview", "-n", "1", "--tile", "8", "-o", "nosuch/sheet.png"]
    assert "nosuch/sheet.png" in one_line(run(*arguments), 1)


def test_a_caption_stays_below_its_tile() -> None:
    tiles = [Tile(caption, Image.new("RGB", (64, 64))) for caption in ("w" * 90, "", "x", "w")]
    paper = levels(sheet(tiles, 4, 64))
    captions = (paper[70:] != paper[0, 0]).any(axis=(0, 2))
    first, empty, third, last = (captions[6 + 70 * n : 70 * (n + 1)] for n in range(4))
    assert first.sum() > 30
    assert not empty.any()
    assert third.sum() < last.sum() < 12
    assert not any(captions[70 * n : 70 * n + 6].any() for n in range(4))
