"""Mined datasets are checked, repaired, changed and read without the model, to the byte."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pixelgen
from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS
from pixelgen.dataset.run_config import RunConfig
from pixelgen.engines import Serial
from pixelgen.errors import Conflict
from pixelgen.storage import LocalStore
from tests.support.command import Run, tree_digest
from tests.support.mined import (
    RULES,
    Brightness,
    block_onnx_runtime,
    candidates,
    contents,
    selection_rows,
)

SERIAL = RunConfig(Serial())
LAYOUTS = ("files,coco", "webdataset:per_shard=8", "tfrecord:per_shard=8", "parquet:per_shard=8")
LOST = ("mining.json", "scores.npy")


@pytest.fixture(scope="module")
def mined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same dataset in each layout."""
    root = tmp_path_factory.mktemp("mined")
    made = {layout: root / layout.partition(":")[0] for layout in LAYOUTS}
    for layout, out in made.items():
        pixelgen.mine(candidates(layout=layout), Brightness(), out, RULES, run=SERIAL)
    return made


@pytest.fixture(autouse=True)
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing here import a runtime of models."""
    for name in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)


def damage(file: Path, how: str) -> None:
    data = file.read_bytes()
    file.unlink()
    if how == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif how == "changed":
        file.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])


def image_files(folder: Path) -> list[str]:
    """Return the names of the files that hold images."""
    job = finished_plan(LocalStore(str(folder))).job
    return [*job.files()]


@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_the_manifest_or_the_job_says_is_repaired(
    layout: str, how: str, mined: dict[str, Path], tmp_path: Path
) -> None:
    whole, out = mined[layout], tmp_path / "set"
    most_images = image_files(whole)[1:]
    for name in {*contents(whole)}.difference((PLAN, *LOST, *most_images)):
        shutil.copytree(whole, out)
        damage(out / name, how)
        assert name in {each.name for each in pixelgen.repair(out, run=SERIAL).damage}
        assert tree_digest(out) == tree_digest(whole), name
        shutil.rmtree(out)


@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("layout", LAYOUTS[:2])
def test_scores_that_are_lost_are_not_repaired_and_nothing_is_changed(
    layout: str, name: str, how: str, mined: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "set"
    shutil.copytree(mined[layout], out)
    damage(out / name, how)
    (out / image_files(out)[0]).unlink()
    (out / "selection.jsonl").unlink()
    before = contents(out)
    with pytest.raises(Conflict, match=rf"{name} is missing or damaged and cannot be made again"):
        pixelgen.repair(out, run=SERIAL)
    assert contents(out) == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_selection_is_restored_beside_other_damage(
    layout: str, mined: dict[str, Path], tmp_path: Path
) -> None:
    whole, out = mined[layout], tmp_path / "set"
    shutil.copytree(whole, out)
    damage(out / "selection.jsonl", "cut")
    damage(out / image_files(out)[-1], "changed")
    damage(out / SUMS, "missing")
    pixelgen.repair(out, run=SERIAL)
    assert tree_digest(out) == tree_digest(whole)


def test_a_selection_is_not_restored_from_a_manifest_that_does_not_say_it(
    mined: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "set"
    for damaged in ("missing", "cut"):
        shutil.copytree(mined[LAYOUTS[0]], out)
        damage(out / "selection.jsonl", "missing")
        damage(out / "metadata.jsonl", damaged)
        before = contents(out)
        with pytest.raises(Conflict, match=r"metadata\.jsonl does not say what it was"):
            pixelgen.repair(out, run=SERIAL)
        assert contents(out) == before
        shutil.rmtree(out)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_check_of_every_image_needs_no_model(layout: str, mined: dict[str, Path]) -> None:
    before = contents(mined[layout])
    report = pixelgen.verify(mined[layout], deep=True, run=SERIAL)
    assert (report.count, report.damage) == (20, [])
    assert contents(mined[layout]) == before


@pytest.mark.parametrize("name", ["selection.jsonl", *LOST])
@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
def test_a_check_finds_what_became_of_the_search(
    name: str, how: str, mined: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "set"
    shutil.copytree(mined[LAYOUTS[0]], out)
    damage(out / name, how)
    if name == "selection.jsonl":
        with pytest.raises(Conflict, match=r"selection\.jsonl is .*repair"):
            pixelgen.verify(out, run=SERIAL)
    else:
        assert [each.name for each in pixelgen.verify(out, run=SERIAL).damage] == [name]


@pytest.mark.slow
def test_commands_work_where_no_model_can_be_opened(
    mined: dict[str, Path], tmp_path: Path, run: Run
) -> None:
    environment = block_onnx_runtime(tmp_path)
    out, whole = tmp_path / "set", tmp_path / "whole"
    pixelgen.mine(candidates(layout="files"), Brightness(), out, RULES, run=SERIAL)
    pixelgen.mine(candidates(layout="files,coco"), Brightness(), whole, RULES, run=SERIAL)

    def check(*arguments: object) -> str:
        done = run(*arguments, "set", "-q" if arguments[0] != "status" else "--json", **environment)
        assert (done.returncode, done.stderr) == (0, ""), arguments
        return done.stdout

    check("verify")
    check("verify", "--deep")
    assert json.loads(check("status"))["state"] == "complete"
    check("finish")
    check("index", "--layout", "coco")
    assert tree_digest(out) == tree_digest(whole)
    (out / "images/000003.png").unlink()
    (out / "selection.jsonl").unlink()
    check("repair")
    assert tree_digest(out) == tree_digest(whole)
    code = "import pixelgen; d = pixelgen.load('set'); print(len(d), d.rows[7]['candidate'])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True,
                          cwd=tmp_path, env={"PYTHONPATH": environment["PYTHONPATH"]})  # fmt: skip
    rows = selection_rows(out)
    assert done.stdout == f"20 {rows[7]['candidate']}\n"
    done = run("remove", "set", "--index", "3,7", "-q", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    check("verify", "--deep")
    (out / "images/000004.png").unlink()
    check("repair")
    check("verify", "--deep")
    kept = [row["candidate"] for row in pixelgen.load(out).rows]
    assert kept == [row["candidate"] for index, row in enumerate(rows) if index not in (3, 7)]
    for name in ("selection.jsonl", *LOST):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_begun_dataset_is_finished_by_a_repair(mined: dict[str, Path], tmp_path: Path) -> None:
    whole, out = mined[LAYOUTS[1]], tmp_path / "set"
    shutil.copytree(whole, out)
    for name in ("negatives.jsonl", "metadata.jsonl", SUMS, image_files(out)[0]):
        (out / name).unlink(missing_ok=True)
    (out / JOURNAL).touch()
    pixelgen.repair(out, run=SERIAL)
    assert tree_digest(out) == tree_digest(whole)
