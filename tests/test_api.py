"""The Python interface: what ``import pixelgen`` offers, with and without a type checker."""

import os
import pydoc
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pixelgen
from pixelgen import Job, RunConfig
from pixelgen.errors import AnotherJob, BadValue, Conflict, PixelgenError
from pixelgen.layouts.layout import UNIVERSAL
from tests.support.command import ROOT

JOB = Job(count=7, size="12x9", family="perlin", seed=3)
TYPED = """
from pathlib import Path

import numpy as np
import pixelgen
from pixelgen import Dataset, Job, Manifest, Report

job = Job(family="perlin", format="jpeg", color="red", size="64x48", seed="random")
other: Job = Job(count="7", size=(64, 48), family=["uniform", "perlin=2"], depth=16, density=0.5,
                 color="tr", layout="files,coco", split="train=0.5,val=0.5", label="cat")
levels: int = job[0].shape[0] + len(job)
row: dict[str, object] = job.row(3)
manifest: Manifest = pixelgen.generate(job, Path("set"), jobs=2, progress=lambda *done: None)
report: Report = pixelgen.verify("set", deep=True)
repaired: Report = pixelgen.repair("set")
dataset: Dataset = pixelgen.load("set")
image, first = dataset[0]
brightness = float(np.mean(image))
some = dataset[2:5]
names: list[str] = [*pixelgen.families(), *pixelgen.formats(), *pixelgen.layouts()]
"""


def test_a_dataset_is_generated_verified_damaged_repaired_and_loaded(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done: list[tuple[int, int, int]] = []
    manifest = pixelgen.generate(JOB, out, jobs=1, progress=lambda *each: done.append(each))
    assert (manifest.count, manifest.created, manifest.existing) == (7, 7, 0)
    assert manifest.id == JOB.digest
    assert Path(manifest.path) == out / "metadata.jsonl"
    assert sum(images for images, _, _ in done) == 7
    assert {count for _, _, count in done} == {7}
    assert sum(size for _, size, _ in done) == manifest.bytes

    again = pixelgen.generate(JOB, str(out))
    assert (again.created, again.existing, again.id) == (0, 7, manifest.id)
    assert pixelgen.verify(out).damage == []

    (out / "images/000002.png").write_bytes(b"damaged")
    ((name, _),) = pixelgen.verify(out).damage
    assert name == "images/000002.png"
    assert [each.name for each in pixelgen.repair(out).damage] == [name]
    assert pixelgen.verify(out, deep=True).damage == []


@pytest.mark.parametrize(
    "layout", ["files", "imagefolder", "webdataset:per_shard=3", "npy", "parquet:per_shard=3",
               "tfrecord:per_shard=3", "mds"],
)  # fmt: skip
def test_a_loaded_dataset_has_the_images_and_the_rows_of_its_job(
    tmp_path: Path, layout: str
) -> None:
    job = Job(count=7, size="12x9", family="perlin", seed=3, layout=layout)
    pixelgen.generate(job, tmp_path, jobs=1)
    dataset = pixelgen.load(tmp_path)

    assert dataset.job == job
    assert len(dataset) == len(dataset.images) == len(dataset.rows) == 7
    for index in range(7):
        image, row = dataset[index]
        np.testing.assert_array_equal(image, job[index])
        assert row == job.row(index) == dataset.rows[index]
        assert row == job.row(index - job.count)
    assert [row["index"] for row in dataset.rows] == [*range(7)]
    assert [row["index"] for _, row in dataset[-3:]] == [4, 5, 6]
    np.testing.assert_array_equal(np.stack(dataset.images[1:3]), np.stack([job[1], job[2]]))
    np.testing.assert_array_equal(np.stack([*dataset.images]), np.stack([*job]))
    with pytest.raises(IndexError):
        dataset[7]


@pytest.mark.parametrize(("mode", "shape"), [("L", (9, 12, 1)), ("RGBA", (9, 12, 4))])
def test_loaded_images_have_the_channels_of_the_job(
    tmp_path: Path, mode: str, shape: tuple[int, ...]
) -> None:
    job = Job(count=2, size="12x9", mode=mode)
    pixelgen.generate(job, tmp_path, jobs=1)
    image = pixelgen.load(tmp_path).images[1]
    assert image.shape == shape
    np.testing.assert_array_equal(image, job[1])


def test_what_is_not_a_finished_dataset_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(PixelgenError, match=r"pixelgen\.json"):
        pixelgen.load(tmp_path)
    pixelgen.generate(JOB, tmp_path / "out", jobs=1, run=RunConfig(stopped=lambda: True))
    with pytest.raises(PixelgenError, match="not finished"):
        pixelgen.load(tmp_path / "out")
    pixelgen.generate(JOB, tmp_path / "out", jobs=1)
    (tmp_path / "out/images/000001.png").write_bytes(b"damaged")
    with pytest.raises(Conflict, match="damaged"):
        pixelgen.load(tmp_path / "out").images[1]
    manifest = tmp_path / "out/metadata.jsonl"
    text = manifest.read_text()
    for damaged in (text.replace("{", "[", 1), text.partition("\n")[2], text + "{}\n"):
        manifest.write_text(damaged)
        with pytest.raises(Conflict, match=r"metadata\.jsonl.* repair"):
            pixelgen.load(tmp_path / "out").rows[0]


def test_another_job_is_refused_and_replaced_on_demand(tmp_path: Path) -> None:
    pixelgen.generate(JOB, tmp_path, jobs=1)
    other = Job(count=3, size=8)
    with pytest.raises(AnotherJob, match="count"):
        pixelgen.generate(other, tmp_path)
    manifest = pixelgen.generate(other, tmp_path, jobs=1, run=RunConfig(overwrite=True))
    assert manifest.created == 3
    assert len(pixelgen.load(tmp_path)) == 3


def test_a_job_takes_text_and_values_alike() -> None:
    text = Job.parse(count="3", size="64x48", family="perlin", color="red", format="jpeg", seed="7")
    assert text == Job(
        count=3, width=64, height=48, family="perlin", color="#ff0000", format="jpeg", seed=7
    )
    assert Job(size=64) == Job(size="64") == Job(size=(64, 64)) == Job(width=64, height=64)
    assert Job(seed="random") != Job(seed="random")
    with pytest.raises(BadValue, match=r"size.*width"):
        Job(size=64, width=3)
    with pytest.raises(BadValue, match=r"'sise'.*'size'"):
        Job.parse(sise=64)


def test_the_row_of_an_image_is_the_one_in_the_manifest(tmp_path: Path) -> None:
    for layout in (UNIVERSAL, "webdataset:per_shard=3"):
        out = tmp_path / layout.partition(":")[0].partition(",")[0]
        job = (
            Job(count=4, size=8, family="gaussian", layout=layout, split="a=0.5,b=0.5")
            if (layout == UNIVERSAL)
            else Job(count=4, size=8, family="gaussian", layout=layout)
        )
        pixelgen.generate(job, out, jobs=1)
        assert [job.row(index) for index in range(4)] == [*pixelgen.load(out).rows]


@pytest.mark.cli
def test_the_lists_of_components_are_callable_before_and_after_their_packages_are_imported() -> (
    None
):
    script = (
        "import pixelgen; before = sorted(pixelgen.families()), sorted(pixelgen.layouts());"
        "import pixelgen.families, pixelgen.layouts, pixelgen.formats;"
        "assert before == (sorted(pixelgen.families()), sorted(pixelgen.layouts()));"
        "assert 'png' in pixelgen.formats() and 'perlin' in before[0] and 'coco' in before[1]"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_help_shows_the_public_functions_and_no_internal_module() -> None:
    text = pydoc.plain(pydoc.render_doc(pixelgen))
    for name in {*pixelgen.__all__} - {"__version__"}:
        assert name in text
    assert ">>> from pixelgen import Job, generate, verify" in text
    assert "JobOptions" in text
    assert not {"annotations", "TYPE_CHECKING", "writer"} & set(dir(pixelgen))


@pytest.mark.cli
@pytest.mark.slow
def test_code_that_uses_the_interface_passes_a_strict_type_check(tmp_path: Path) -> None:
    assert shutil.which("mypy", path=str(Path(sys.executable).parent))
    (tmp_path / "user.py").write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "user.py"],
        check=False, cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"MYPYPATH": str(ROOT)},
    )  # fmt: skip
    assert "1 source file" in done.stdout, done.stderr
    assert not [line for line in done.stdout.splitlines() if line.startswith("user.py")]


def test_a_data_set_of_pytorch_is_two_lines() -> None:
    class Negatives:  # torch.utils.data.Dataset asks for these two methods alone
        def __len__(self) -> int:
            return len(JOB)

        def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
            return np.moveaxis(JOB[index], -1, 0).copy(), 0

    image, label = Negatives()[2]
    assert (image.shape, label, len(Negatives())) == ((3, 9, 12), 0, 7)
