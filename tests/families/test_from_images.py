"""Families that rearrange images: the user's own, as recorded, or dead leaves."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelgen import Job
from pixelgen.dataset.source_record import SOURCES
from pixelgen.errors import BadValue
from pixelgen.families import Shape
from pixelgen.families.from_images import PatchShuffle, PixelShuffle
from pixelgen.families.phase_scramble import PhaseScramble
from pixelgen.families.source import Sourced
from pixelgen.image_types import Coverage, Pixels
from pixelgen.rng import Stream
from tests.support.command import Done, Run, tree_digest

Make = Callable[..., Done]

SHAPE = Shape(48, 40)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Make a folder of five images, no two alike, in three formats and a folder below."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    rows, columns = np.indices((130, 170))
    for number, name in enumerate(["a.png", "b.jpg", "c.webp", "more/d.png", "e.bmp"]):
        waves = [np.sin(rows / (3 + number + c)) + np.cos(columns / (7 + c)) for c in range(3)]
        Image.fromarray((np.stack(waves, -1) * 60 + 127).astype(np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_text("no image either")
    return folder


@dataclass(frozen=True)
class Whole(Sourced):
    """The image that the others are made from, as it is."""

    number = 9_000_002

    def rearrange(
        self, stream: Stream, shape: Shape, image: Pixels, coverage: Coverage | None
    ) -> Pixels:
        return image


def whole_of(family: Sourced, seed: int, index: int, shape: Shape) -> Pixels:
    """Return the image that a family rearranges: a stream of the same family chooses it."""
    stream = Stream(seed)
    stream.seek(index, family.number, family.version)
    image = Whole(family.source).render(stream, shape)
    assert isinstance(image, np.ndarray)
    return image


def colors(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Sort the colours of an image."""
    flat = pixels.reshape(-1, pixels.shape[2])
    return flat[np.lexsort(flat.T)]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_shuffles_keep_every_pixel_and_move_them(channels: int, depth: int, photos: Path) -> None:
    for where in ("", str(photos)):
        shape = Shape(48, 40, channels, depth)
        for family in (PatchShuffle(where, patch=7), PatchShuffle(where, patch=1)):
            whole = whole_of(family, 1, 3, shape)
            moved = family.sample(1, 3, shape)
            assert (colors(moved) == colors(whole)).all()
            assert (moved != whole).any()


@pytest.mark.slow
def test_pixels_are_shuffled_of_the_image_that_was_taken(photos: Path) -> None:
    for index in range(6):
        shuffled = PixelShuffle(str(photos)).sample(0, index, SHAPE)
        files = [
            np.asarray(Image.open(file).convert("RGB")) for file in sorted(photos.rglob("?.*"))
        ]
        seen = {tuple(color) for file in files for color in file.reshape(-1, 3).tolist()}
        assert shuffled.shape == SHAPE.levels
        assert len({tuple(color) for color in shuffled.reshape(-1, 3).tolist()} & seen) > 10


def test_shuffled_pixels_have_no_neighbours() -> None:
    """Moran's I of white noise is 0 ± 1/√n."""
    for index in range(5):
        plane = PixelShuffle().sample(2, index, Shape(128, 128, 1))[..., 0].astype(float)
        plane -= plane.mean()
        moran = (plane[:, 1:] * plane[:, :-1]).mean() / (plane**2).mean()
        assert abs(moran) < 5 / 128


def test_every_permutation_is_as_likely() -> None:
    from pixelgen.families.from_images import permutation

    stream, seen = Stream(4), []
    for image in range(2400):
        stream.seek(image)
        seen.append(tuple(permutation(stream, 4).tolist()))
    counts = [seen.count(order) for order in set(seen)]
    assert len(counts) == 24
    assert max(abs(count - 100) for count in counts) < 5 * 10


def test_strips_that_make_no_whole_patch_stay() -> None:
    whole = Whole().sample(1, 3, SHAPE)
    moved = PatchShuffle(patch=9).sample(1, 3, SHAPE)
    assert (moved[45:] == whole[45:]).all()
    assert (moved[:, 36:] == whole[:, 36:]).all()


@pytest.mark.parametrize("patch", [0, 1, 20, 4096])
@pytest.mark.parametrize(
    "size", [(16, 16), (32, 32), (43, 61), (64, 64), (128, 128), (2, 2), (1, 2), (3, 1), (1, 500)]
)
def test_no_frame_gives_its_image_back(patch: int, size: tuple[int, int], tmp_path: Path) -> None:
    levels = np.arange(500 * 500, dtype=np.uint32).reshape(500, 500)
    colors = np.stack([levels >> 16, levels >> 8 & 255, levels & 255], -1).astype(np.uint8)
    Image.fromarray(colors[: size[0], : size[1]]).save(tmp_path / "a.png")
    for index in range(30):
        moved = PatchShuffle(str(tmp_path), patch=patch).sample(1, index, Shape(*size))
        assert (moved != colors[: size[0], : size[1]]).any()


@pytest.mark.parametrize(("size", "side"), [(256, 32), (128, 32), (64, 16), (43, 10), (3, 1)])
def test_the_default_patch_follows_the_frame(size: int, side: int) -> None:
    shape = Shape(size, 2 * size)
    assert (
        PatchShuffle().sample(1, 2, shape) == PatchShuffle(patch=side).sample(1, 2, shape)
    ).all()


@pytest.mark.parametrize("size", [16, 32, 64, 128, 224])
def test_shuffled_pixels_that_are_stretched_keep_their_contrast(size: int) -> None:
    for index, sigma in enumerate((1.0, 2.5, 4.0, 6.4)):
        full = PixelShuffle(sigma=sigma, stretch=True).sample(1, index, Shape(size, size))
        assert (np.ptp(full.astype(int), axis=(0, 1)) > 0).all()
        assert (full.min(), full.max()) == (0, 255)


def test_a_stretched_blur_is_not_cut_into_steps() -> None:
    """A blur of sigma 4 leaves about 40 levels, but many more once they are stretched."""
    assert len(np.unique(PixelShuffle(sigma=4.0, stretch=True).sample(1, 3, Shape(128, 128)))) > 240


def test_patches_stay_whole() -> None:
    whole = Whole().sample(1, 3, SHAPE)
    moved = PatchShuffle(patch=8).sample(1, 3, SHAPE)

    def patches(pixels: Pixels) -> list[bytes]:
        tiles = [pixels[y : y + 8, x : x + 8] for y in range(0, 48, 8) for x in range(0, 40, 8)]
        return sorted(tile.tobytes() for tile in tiles)

    assert patches(whole) == patches(moved)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_blurred_shuffle_is_stretched_on_request_alone(depth: int) -> None:
    shape, top = Shape(48, 40, 3, depth), (1 << depth) - 1
    plain = PixelShuffle(sigma=2.0).sample(1, 3, shape)
    full = PixelShuffle(sigma=2.0, stretch=True).sample(1, 3, shape)
    sharp = PixelShuffle().sample(1, 3, shape)
    assert plain.std() < sharp.std() / 3
    assert abs(plain.mean() - sharp.mean()) < top / 255
    assert (full.min(), full.max()) == (0, top)


def test_a_scrambled_image_keeps_its_spectrum_and_its_mean(photos: Path) -> None:
    for where in ("", str(photos)):
        for index in range(3):
            shape = Shape(48, 40, 3, 16)
            family = PhaseScramble(where)
            image = whole_of(family, 1, index, shape).astype(float)
            scrambled = family.sample(1, index, shape).astype(float)
            assert (image != scrambled).mean() > 0.9
            before, after = (np.abs(np.fft.fft2(x, axes=(0, 1))) for x in (image, scrambled))
            clipped = ((scrambled == 0) | (scrambled == 65535)).mean()
            if not where:  # strong contrasts are lowered
                assert np.corrcoef(before.ravel()[3:], after.ravel()[3:])[0, 1] > 0.99
                assert np.abs(scrambled.mean((0, 1)) - image.mean((0, 1))).max() < 257
            elif clipped == 0:
                assert np.abs(after - before).max() < 0.01 * before.ravel()[3:].max()
                assert np.abs(scrambled.mean((0, 1)) - image.mean((0, 1))).max() < 1


def test_scrambled_phases_are_independent_of_the_image(tmp_path: Path) -> None:
    """Low contrast: nothing is clipped, and amplitudes are kept to rounding."""
    rows, columns = np.indices((64, 64))
    square = np.where((abs(rows - 32) < 9) & (abs(columns - 20) < 5), 140, 120).astype(np.uint8)
    Image.fromarray(np.stack([square, square // 2, 255 - square], -1)).save(tmp_path / "a.png")
    shape = Shape(64, 64, 3, 16)
    image = whole_of(PhaseScramble(str(tmp_path)), 0, 0, shape).astype(float)
    phases = []
    for index in range(200):
        drawn = PhaseScramble(str(tmp_path)).sample(0, index, shape).astype(float)
        before, after = (np.fft.fft2(x, axes=(0, 1)) for x in (image, drawn))
        assert np.abs(np.abs(after) - np.abs(before)).max() < 400  # of about 10**7
        turn = after[3, 2] / before[3, 2]
        assert np.abs(turn - turn[0]).max() < 0.02  # alike in all channels
        phases.append(turn[0])
    assert abs(np.mean(phases)) < 5 / np.sqrt(200)


@pytest.mark.parametrize("size", [16, 32, 64, 128, 224])
def test_of_a_scrambled_image_at_most_one_in_a_hundred_levels_is_clipped(size: int) -> None:
    for index in range(6):
        levels = PhaseScramble().sample(3, index, Shape(size, size, 3, 16))
        # The least of those that are not clipped is at the end, too.
        assert ((levels == 0) | (levels == 65535)).sum() <= 0.01 * levels.size + 2
        assert levels.std(axis=(0, 1)).min() > 20 * 257


def test_a_flat_image_scrambled_is_itself(tmp_path: Path) -> None:
    for level in (0, 90, 255):
        Image.new("RGB", (40, 40), (level,) * 3).save(tmp_path / "a.png")
        assert (PhaseScramble(str(tmp_path)).sample(0, 0, Shape(20, 20)) == level).all()


def test_sixteen_bits_gray_and_alpha_are_taken_as_they_are(tmp_path: Path) -> None:
    deep = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40) * 30
    (tmp_path / "deep").mkdir()
    Image.fromarray(deep).save(tmp_path / "deep" / "a.png")
    wide = Whole(str(tmp_path / "deep"))
    assert (wide.sample(0, 0, Shape(48, 40, 1, 16))[..., 0] == deep).all()
    assert (wide.sample(0, 0, Shape(48, 40, 3, 8)) == (deep >> 8)[..., None]).all()

    faded = np.full((48, 40, 4), 200, np.uint8)
    faded[:24, :, 3] = 0
    (tmp_path / "faded").mkdir()
    Image.fromarray(faded).save(tmp_path / "faded" / "a.png")
    job = Job.parse(
        count=1, width=40, height=48, color="tr", density=1,
        family=f"pixel_shuffle:source={tmp_path / 'faded'}",
    )  # fmt: skip
    alpha = job.scan_sources()[0][..., 3]
    assert (alpha == 200).sum() == 24 * 40
    assert (alpha == 0).sum() == 24 * 40


def test_a_large_image_is_reduced_by_averages(tmp_path: Path) -> None:
    levels = np.random.default_rng(1).integers(0, 256, (100, 81, 3), np.uint8)
    Image.fromarray(levels).save(tmp_path / "a.png")
    pixels = Whole(str(tmp_path)).sample(0, 0, Shape(50, 40))
    means = [levels[:100, x : x + 80].reshape(50, 2, 40, 2, 3).mean(axis=(1, 3)) for x in range(2)]
    assert any(np.abs(pixels - mean).max() <= 0.5 for mean in means)


def test_a_set_records_its_sources_and_names_them_row_by_row(
    photos: Path, run: Run, tmp_path: Path
) -> None:
    family = f"pixel_shuffle:source={photos}"
    run("generate", "-n", "30", "-s", "40x48", "--family", family, "-o", "set")
    rows = [
        json.loads(line) for line in Path(tmp_path, "set/metadata.jsonl").read_text().splitlines()
    ]
    record = [json.loads(line) for line in Path(tmp_path, "set", SOURCES).read_text().splitlines()]

    assert [row["file_name"] for row in record] == [
        "a.png",
        "b.jpg",
        "c.webp",
        "e.bmp",
        "more/d.png",
    ]
    assert {row["source"] for row in rows} == {row["file_name"] for row in record}
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], check=False, cwd=tmp_path / "set")
    assert checked.returncode == 0
    for row in rows[:5]:
        taken = np.asarray(Image.open(photos / row["source"]).convert("RGB"))
        made = np.asarray(Image.open(Path(tmp_path, "set") / row["file_name"]))
        assert made.mean() == pytest.approx(taken.mean(), abs=25)
    assert run("verify", "--deep", "set").returncode == 0


@pytest.mark.slow
def test_a_set_can_be_verified_without_its_sources(photos: Path, run: Run) -> None:
    run(
        "generate", "-n", "9", "-s", "40", "--family", f"patch_shuffle:source={photos}", "-o", "set"
    )
    shutil.rmtree(photos)

    assert run("verify", "set").returncode == 0
    again = run("generate", "-n", "9", "-s", "40", "--family", f"patch_shuffle:source={photos}",
                "-o", "set")  # fmt: skip
    assert again.returncode == 0
    deep = run("verify", "--deep", "set")
    assert deep.returncode == 1
    assert "photos" in deep.stderr
    assert "restore the file" in deep.stderr


def test_an_image_that_changed_meanwhile_stops_the_run(photos: Path, run: Run) -> None:
    run(
        "generate", "-n", "9", "-s", "40", "--family", f"patch_shuffle:source={photos}", "-o", "set"
    )
    for file in photos.rglob("*.*"):
        file.write_bytes(b"another")

    deep = run("verify", "--deep", "set")
    assert deep.returncode == 1
    assert "changed" in deep.stderr


@pytest.mark.slow
def test_a_damaged_or_missing_record_is_found(photos: Path, run: Run, tmp_path: Path) -> None:
    run(
        "generate", "-n", "3", "-s", "40", "--family", f"patch_shuffle:source={photos}", "-o", "set"
    )
    record = Path(tmp_path, "set", SOURCES)
    text = record.read_text()
    for damaged in ("", text[:40], text.replace("a.png", "A.png"), text + text):
        record.write_text(damaged)
        assert run("verify", "set").returncode == 3
    record.unlink()
    assert run("verify", "set").returncode == 3


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "source"),
        (lambda folder: [f.unlink() for f in folder.rglob("*.*")], "holds no images"),
        (lambda folder: (folder / "x.png").write_bytes(b"\x89PNG torn"), "x.png"),
        (lambda folder: Image.new("L", (30, 200)).save(folder / "y.png"), "y.png (30x200)"),
        (lambda folder: (folder / "z.jpg").mkdir(), None),
    ],
)
def test_sources_that_cannot_be_used_are_named_before_anything_is_written(
    spoil: object, message: str | None, photos: Path, run: Run, tmp_path: Path
) -> None:
    assert callable(spoil)
    spoil(photos)
    made = run("generate", "-n", "3", "-s", "40", "--family", f"patch_shuffle:source={photos}",
               "-o", "set")  # fmt: skip

    if message is None:
        assert made.returncode == 0
        return
    assert made.returncode == 2
    assert message in made.stderr
    assert len(made.stderr.splitlines()) == 1
    assert not Path(tmp_path, "set").exists()


@pytest.mark.slow
def test_images_that_are_cut_short_are_all_named_before_the_first_is_made(
    photos: Path, run: Run, tmp_path: Path
) -> None:
    for name in ("a.png", "b.jpg"):  # a PNG has checksums, a JPEG must be decoded
        whole = (photos / name).read_bytes()
        (photos / name).write_bytes(whole[: len(whole) // 2])
    command = ("generate", "-n", 3, "-s", 40, "--family", f"patch_shuffle:source={photos}",
               "-o", "set")  # fmt: skip
    refused = run(*command)

    assert refused.returncode == 2
    for fact in ("2 files", "a.png", "b.jpg", "damaged"):
        assert fact in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not Path(tmp_path, "set").exists()
    made = run(*command, "--skip-damaged")
    assert made.returncode == 0
    assert "a.png" in made.stderr
    recorded = Path(tmp_path, "set/sources.jsonl").read_text()
    assert "a.png" not in recorded
    assert "b.jpg" not in recorded
    assert run(*command, "--skip-damaged").returncode == 0
    Path(tmp_path, "set/sources.jsonl").unlink()
    assert run("repair", "set").returncode == 0
    assert Path(tmp_path, "set/sources.jsonl").read_text() == recorded


def test_skipping_needs_something_to_skip(run: Run) -> None:
    done = run("generate", "-n", 1, "-s", 8, "--skip-damaged")
    assert done.returncode == 2
    assert "--skip-damaged" in done.stderr
    assert "images" in done.stderr


@pytest.mark.slow
def test_a_set_is_not_replaced_by_one_made_from_it(run: Run, make: Make, tmp_path: Path) -> None:
    make("-n", 3, "-s", 40, "-o", "set")
    before = tree_digest(tmp_path)
    for taken in ("set/images", "set", "."):
        family = f"patch_shuffle:source={taken}"
        done = run("generate", "-n", 3, "-s", 20, "--family", family, "--force", "-o", "set")
        assert done.returncode == 3
        assert "within" in done.stderr
    done = run("generate", "-n", 3, "-s", 41, "--family", "patch_shuffle:source=set", "--force",
               "-o", "set")  # fmt: skip
    assert done.returncode == 2
    assert tree_digest(tmp_path) == before


@pytest.mark.parametrize("name", [b"bad\xff.png", b"new\nline.png", b"tab\t.png"])
def test_a_name_that_no_loader_could_read_is_refused(name: bytes, photos: Path, run: Run) -> None:
    (photos / os.fsdecode(name)).write_bytes((photos / "a.png").read_bytes())
    done = run("generate", "-n", 3, "-s", 40, "--family", f"patch_shuffle:source={photos}")
    assert done.returncode == 2
    assert "plain text" in done.stderr


@pytest.mark.parametrize("mode", ["F", "I"])
def test_levels_of_32_bits_are_refused(mode: str, tmp_path: Path, run: Run) -> None:
    Image.new(mode, (50, 50)).save(tmp_path / "deep.tiff")
    done = run("generate", "-n", 3, "-s", 40, "--family", "patch_shuffle:source=.", "-o", "set")
    assert done.returncode == 2
    assert "levels of 32 bits" in done.stderr


def test_a_folder_is_looked_at_where_the_process_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job.parse(count=1, width=8, height=8, family="pixel_shuffle:source=images")
    for level in (10, 200):
        (tmp_path / str(level) / "images").mkdir(parents=True)
        Image.new("L", (8, 8), level).save(tmp_path / str(level) / "images/a.png")
        monkeypatch.chdir(tmp_path / str(level))
        assert (job.scan_sources()[0] == level).all()


def test_the_folder_counts_by_what_is_in_it(photos: Path, tmp_path: Path) -> None:
    job = Job.parse(count=3, width=40, height=40, family=f"pixel_shuffle:source={photos}")
    before = job.scan_sources().digest
    Image.new("RGB", (99, 99)).save(photos / "new.png")
    assert job.scan_sources().digest != before


def test_images_that_were_not_scanned_are_asked_for(photos: Path) -> None:
    job = Job.parse(count=3, width=40, height=40, family=f"pixel_shuffle:source={photos}")
    with pytest.raises(BadValue, match=r"job = job\.scan_sources\(\)"):
        job[0]


def test_a_frame_larger_than_its_image_is_refused(photos: Path) -> None:
    with pytest.raises(BadValue, match="500x500"):
        PixelShuffle(str(photos)).sample(0, 0, Shape(500, 500))
