"""The benchmarks: that each runs, prints what it measures, and compares the same work."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import memory, report, versions
from benchmarks.measure import PEERS, PIXELGEN
from benchmarks.reference_list import REFERENCES, Reference
from benchmarks.report import Comparison, Usage
from benchmarks.versions import Drawn
from pixelgen import registry
from pixelgen.families import Family, Shape

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="benchmarks read /proc and bind processes to cores"
)

ROOT = Path(__file__).parents[1]
SHARED = {
    "check", "measure", "reference_list", "references", "report", "rows", "spectral_references",
}  # fmt: skip
BENCHMARKS = sorted(
    path.stem for path in (ROOT / "benchmarks").glob("*.py") if path.stem not in SHARED
)
COMPARING = [name for name in BENCHMARKS if name != "memory"]  # which has no other side
WITHOUT_SCIPY = """
import runpy, sys
sys.modules["scipy"] = None
runpy.run_module("benchmarks.families", run_name="__main__")
"""
HANG = 500


def bench(folder: Path, *arguments: str) -> str:
    """Run Python at the root of the repository, with a folder for what is temporary."""
    environment = os.environ | {"TMPDIR": str(folder)}
    argv = [sys.executable, *arguments]
    return subprocess.check_output(argv, cwd=ROOT, env=environment, text=True, timeout=HANG)


def module(name: str) -> str:
    return f"benchmarks.{name}".removesuffix(".__main__")


def is_missing(what: str) -> bool:
    """Tell whether there is neither a program nor a module of a name."""
    return not (shutil.which(what) or find_spec(what))


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.engine] * (name == "engines")) for name in COMPARING],
)
def test_a_benchmark_prints_both_ratios_of_every_row(name: str, tmp_path: Path) -> None:
    scratch, kept = tmp_path / "scratch", tmp_path / "kept.json"
    scratch.mkdir()
    lines = bench(scratch, "-m", module(name), "--smoke", "--json", str(kept)).splitlines()

    record: dict[str, Any] = json.loads(kept.read_text())
    machine = record["machine"]
    for field in ("processor", "cores", "memory", "system"):
        assert str(machine[field]) in lines[0]
    for package in ("pixelgen", "Python", "numpy", "Pillow"):
        assert f"{package} {machine['versions'][package]}" in lines[1]
    rows = record["comparisons"]
    assert len(lines) == len(rows) + 4  # the machine, the versions, a blank, the head
    assert not all(row["skipped"] for row in rows)
    for row, line in zip(rows, lines[4:], strict=True):
        assert line.startswith(row["name"])
        if row["skipped"]:
            assert f"skipped: {row['skipped']}" in line
            assert is_missing(row["skipped"].removeprefix("no "))
        else:
            assert [len(taken) for taken in row["rounds"]] == [2]
            assert 0 < row["wall"]["min"] <= row["wall"]["median"] <= row["wall"]["max"]
            assert 0 < row["cpu"]["min"] <= row["cpu"]["median"] <= row["cpu"]["max"]
    left = {path.name for path in scratch.iterdir()}
    assert left <= {"dask-scratch-space"}  # which distributed never removes


@pytest.mark.cli
@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_explains_its_smallest_size(name: str, tmp_path: Path) -> None:
    output = bench(tmp_path, "-m", module(name), "--help")
    for option in ("--smoke", "--rounds", "--only", "--json"):
        assert option in output


@pytest.mark.cli
@pytest.mark.slow
def test_a_given_option_overrides_the_smallest_size(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    options = ("--smoke", "--rounds", "3", "--only", "^solid", "--json", str(kept))
    bench(tmp_path, "-m", "benchmarks.families", *options)
    [row] = json.loads(kept.read_text())["comparisons"]
    assert row["name"] == "solid 16x16"
    assert len(row["rounds"]) == 3


def test_ratios_are_of_the_same_round() -> None:
    rounds = ((Usage(1, 2), Usage(2, 8)), (Usage(2, 1), Usage(6, 1)), (Usage(4, 1), Usage(4, 2)))
    compared = Comparison("work", "side", "base", rounds)
    assert compared.wall == report.Spread(2, 1, 3)
    assert compared.cpu == report.Spread(2, 1, 4)
    assert Comparison("work", "", "base", ((Usage(1, 1),),), "no peer").wall is None


def test_versions_says_whether_both_draw_the_same() -> None:
    one, same = Drawn(3, Usage(2, 0.5), "same"), Drawn(3, Usage(2, 0.25), "same")
    assert versions.describe([[same, one]]) == "2.0 -> 4.0 images/s, 6 images: same bytes"
    assert "OTHER BYTES" in versions.describe([[one, one._replace(sha256="other")]])
    assert "OTHER BYTES" in versions.describe([[one, one], [one, one._replace(sha256="other")]])


def test_versions_gives_a_picture_to_families_that_take_one_apart(tmp_path: Path) -> None:
    folder = str(tmp_path)
    spec = versions.with_source("patch_shuffle:patch=4", folder, 12)
    assert registry.parse(Family, spec).sample(1, 0, Shape(12, 12)).shape == (12, 12, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
    for whole in ("default", "perlin", "crop:source=elsewhere"):
        assert versions.with_source(whole, folder, 12) == whole


@pytest.mark.cli
@pytest.mark.slow
def test_rows_can_be_printed_as_a_table(tmp_path: Path) -> None:
    options = ("--smoke", "--markdown", "--only", "^(solid|fractal:style)")
    printed = bench(tmp_path, "-m", "benchmarks.families", *options).splitlines()
    machine, versions, blank, *table = printed
    assert "cores usable" in machine
    assert versions.startswith("pixelgen ")
    assert not blank
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert {len(row) for row in rows} == {5}
    assert [row[0] for row in rows[2:]] == ["fractal:style=fractaldb 16x16", "solid 16x16"]
    assert rows[2][2:] == ["–", "–", "skipped: no reference"]
    assert re.fullmatch(r"[\d.]+ \([\d.]+\.\.[\d.]+\)", rows[3][2])


@pytest.mark.cli
@pytest.mark.slow
def test_versions_says_what_an_earlier_tree_lacks(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pixelgen", tmp_path / "pixelgen")
    (tmp_path / "pixelgen" / "families" / "voronoi.py").unlink()
    options = ("--smoke", "--before", str(tmp_path), "--families", "solid voronoi")
    *_, solid, voronoi = bench(tmp_path, "-m", "benchmarks.versions", *options).splitlines()
    assert solid.endswith("same bytes")
    assert "skipped: " in voronoi
    assert "voronoi" in voronoi.partition("skipped: ")[2]


@pytest.mark.cli
@pytest.mark.slow
def test_memory_prints_how_many_times_the_pixels_an_image_takes(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    options = ("--smoke", "--families", "solid smooth:sigma=40", "--json", str(kept))
    *_, solid, smooth = bench(tmp_path, "-m", "benchmarks.memory", *options).splitlines()
    peaks = json.loads(kept.read_text())["peaks"]
    assert [peak["family"] for peak in peaks] == ["solid", "smooth:sigma=40"]
    assert solid.startswith("| `solid` | ")
    assert smooth.startswith("| `smooth:sigma=40` | ")
    assert 1 <= peaks[1]["times"] == pytest.approx(peaks[1]["mib"] / (512 * 512 * 3 / (1 << 20)))
    assert peaks[0]["mib"] < peaks[1]["mib"] < 100


@pytest.mark.cli
@pytest.mark.slow
def test_memory_ends_with_what_cannot_be_drawn(tmp_path: Path) -> None:
    options = ["-m", "benchmarks.memory", "--smoke", "--families", "smooth:sigma=5000"]
    ended = subprocess.run(
        [sys.executable, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "5000" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("spec", memory.specifications())
def test_memory_measures_what_there_is(spec: str) -> None:
    registry.parse(Family, spec).check_shape(Shape(4096, 4096))


@pytest.mark.cli
@pytest.mark.slow
def test_without_scipy_a_row_says_so(tmp_path: Path) -> None:
    output = bench(tmp_path, "-c", WITHOUT_SCIPY, "--smoke", "--only", "^voronoi")
    assert output.splitlines()[-1].startswith("voronoi")
    assert "skipped: no scipy" in output


def members(folder: Path) -> dict[str, bytes]:
    """Return the files in the archives of a folder."""
    found = {}
    for path in folder.glob("*.tar"):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                assert file
                found[f"{path.name}/{member.name}"] = file.read()
    return found


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a set of archives as the benchmarks have it made."""
    out = tmp_path_factory.mktemp("ours") / "set"
    options = ("--layout", "tar:per_shard=1000", "--checksum", "none", "-o", str(out))
    subprocess.run([PIXELGEN, "generate", "-q", "-n", "3", "-s", "16", *options], check=True)
    return out


@pytest.mark.cli
def test_the_naive_loop_writes_as_many_members_and_rows(ours: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, PEERS / "naive_tar.py", "3", "16", tmp_path], check=True)
    assert members(tmp_path).keys() == members(ours).keys()
    rows, expected = (
        [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
        for folder in (tmp_path, ours)
    )
    assert [row.keys() - {"seed"} for row in rows] == [row.keys() - {"seed"} for row in expected]


@pytest.mark.cli
def test_webdatasets_writer_writes_the_same_members_and_rows(ours: Path, tmp_path: Path) -> None:
    pytest.importorskip("webdataset", reason="webdataset is not installed")
    argv = (sys.executable, PEERS / "shardwriter.py", "3", "16", tmp_path, "encoded")
    subprocess.run(argv, check=True)
    assert members(tmp_path) == members(ours)
    assert (tmp_path / "metadata.jsonl").read_bytes() == (ours / "metadata.jsonl").read_bytes()


@pytest.mark.parametrize("side", [12, 33])
@pytest.mark.parametrize(
    "reference", [r for r in REFERENCES if r.draw], ids=lambda r: f"{r.family} {r.name}"
)
def test_a_reference_draws_levels_that_differ_from_image_to_image(
    reference: Reference, side: int
) -> None:
    assert reference.draw
    if "scipy" in reference.name:
        pytest.importorskip("scipy", reason="scipy is not installed")
    images = [reference.draw(side) for _ in range(4)]
    for pixels in images:
        assert pixels.dtype == np.uint8
        assert pixels.shape == (side, side, 3)
    assert len({pixels.tobytes() for pixels in images}) > 1
    if reference.family != "solid":
        assert max(np.ptp(pixels) for pixels in images) > 64


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda r: f"{r.family} {r.name}")
def test_each_reference_belongs_to_a_family(reference: Reference) -> None:
    registry.parse(Family, reference.family)
