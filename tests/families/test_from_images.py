"""Families that rearrange images: the user's own, as recorded, or dead leaves."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelgen import Job
from pixelgen.dataset.source_record import SOURCES
from pixelgen.errors import BadValue
from pixelgen.families import Shape
from pixelgen.families.from_images import PatchShuffle, PhaseScramble, PixelShuffle
from pixelgen.image_types import Pixels
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


def colors(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Sort the colours of an image."""
    flat = pixels.reshape(-1, pixels.shape[2])
    return flat[np.lexsort(flat.T)]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_shuffles_keep_every_pixel_and_move_them(channels: int, depth: int, photos: Path) -> None:
    for where in ("", str(photos)):
        shape = Shape(48, 40, channels, depth)
        whole = PatchShuffle(where, patch=4096).sample(1, 3, shape)  # no whole patch: nothing moves
        for family in (PatchShuffle(where, patch=7), PatchShuffle(where, patch=1)):
            moved = family.sample(1, 3, shape)
            assert (colors(moved) == colors(whole)).all()
            assert (moved != whole).any()


@pytest.mark.slow
def test_pixels_are_shuffled_of_the_image_that_was_taken(photos: Path) -> None:
    for index in range(6):
        taken = PatchShuffle(str(photos), patch=4096)
        shuffled = PixelShuffle(str(photos)).sample(0, index, SHAPE)
        files = [
            np.asarray(Image.open(file).convert("RGB")) for file in sorted(photos.rglob("?.*"))
        ]
        seen = {tuple(color) for file in files for color in file.reshape(-1, 3).tolist()}
        assert taken.sample(0, index, SHAPE).shape == shuffled.shape
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
    from pixelgen.rng import Stream

    stream, seen = Stream(4), []
    for image in range(2400):
        stream.seek(image)
        seen.append(tuple(permutation(stream, 4).tolist()))
    counts = [seen.count(order) for order in set(seen)]
    assert len(counts) == 24
    assert max(abs(count - 100) for count in counts) < 5 * 10


def test_strips_that_make_no_whole_patch_stay() -> None:
    whole = PatchShuffle(patch=4096).sample(1, 3, SHAPE)
    moved = PatchShuffle(patch=9).sample(1, 3, SHAPE)
    assert (moved[45:] == whole[45:]).all()
    assert (moved[:, 36:] == whole[:, 36:]).all()


def test_patches_stay_whole() -> None:
    whole = PatchShuffle(patch=4096).sample(1, 3, SHAPE)
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
            taken = PatchShuffle(where, patch=4096)
            # Contrast is lowered, so that next to nothing is clipped.
            family = PhaseScramble(where)
            image = taken.sample(1, index, shape).astype(float)
            scrambled = family.sample(1, index, shape).astype(float)
            assert (image != scrambled).mean() > 0.9
            before, after = (np.abs(np.fft.fft2(x, axes=(0, 1))) for x in (image, scrambled))
            clipped = ((scrambled == 0) | (scrambled == 65535)).mean()
            if not where:  # strong contrasts: clipping spoils the amplitudes a little
                assert np.corrcoef(before.ravel()[3:], after.ravel()[3:])[0, 1] > 0.9
            elif clipped == 0:
                assert np.abs(after - before).max() < 0.01 * before.ravel()[3:].max()
                assert np.abs(scrambled.mean((0, 1)) - image.mean((0, 1))).max() < 1


def test_scrambled_phases_are_independent_of_the_image(tmp_path: Path) -> None:
    """Low contrast: nothing is clipped, and amplitudes are kept to rounding."""
    rows, columns = np.indices((64, 64))
    square = np.where((abs(rows - 32) < 9) & (abs(columns - 20) < 5), 140, 120).astype(np.uint8)
    Image.fromarray(np.stack([square, square // 2, 255 - square], -1)).save(tmp_path / "a.png")
    shape = Shape(64, 64, 3, 16)
    image = PatchShuffle(str(tmp_path), patch=4096).sample(0, 0, shape).astype(float)
    phases = []
    for index in range(200):
        drawn = PhaseScramble(str(tmp_path)).sample(0, index, shape).astype(float)
        before, after = (np.fft.fft2(x, axes=(0, 1)) for x in (image, drawn))
        assert np.abs(np.abs(after) - np.abs(before)).max() < 400  # of about 10**7
        turn = after[3, 2] / before[3, 2]
        assert np.abs(turn - turn[0]).max() < 0.02  # alike in all channels
        phases.append(turn[0])
    assert abs(np.mean(phases)) < 5 / np.sqrt(200)


def test_sixteen_bits_gray_and_alpha_are_taken_as_they_are(tmp_path: Path) -> None:
    deep = np.arange(48 * 40, dtype=np.uint16).reshape(48, 40) * 30
    (tmp_path / "deep").mkdir()
    Image.fromarray(deep).save(tmp_path / "deep" / "a.png")
    wide = PatchShuffle(str(tmp_path / "deep"), patch=4096)
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
    pixels = PatchShuffle(str(tmp_path), patch=4096).sample(0, 0, Shape(50, 40))
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
