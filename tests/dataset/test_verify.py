"""Verify: every damage is found and named, and none is reported in an intact dataset."""

import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelgen.dataset.existing_plan import finished_plan
from pixelgen.dataset.plan import plan_text
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.dataset.verify import check
from pixelgen.errors import PixelgenError
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.command import Done, Run
from tests.support.datasets import write

JOBS: dict[str, dict[str, Any]] = {
    "files": {"count": 30, "width": 16, "height": 8},
    "tar": {"count": 30, "width": 16, "height": 8, "layout": "tar:per_shard=7"},
    "unsummed": {"count": 30, "width": 16, "height": 8, "checksum": "none"},
    "lossy": {"count": 30, "width": 16, "height": 8, "format": "jpeg", "color": "red"},
}


def damage(root: Path, *, deep: bool = False) -> list[str]:
    store = LocalStore(str(root))
    found = check(finished_plan(store), store, How(), deep=deep)
    return [name for checked in found for name, _ in checked.damage]


def complaints(root: Path) -> str:
    store = LocalStore(str(root))
    found = check(finished_plan(store), store, How())
    return "\n".join(" ".join(damaged) for checked in found for damaged in checked.damage)


@pytest.fixture(params=JOBS)
def clean(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    write(Job.parse(**JOBS[request.param]), LocalStore(str(tmp_path / "set")), How())
    return tmp_path / "set"


def test_verify_finds_no_damage_in_an_intact_dataset(clean: Path) -> None:
    assert damage(clean) == []
    assert damage(clean, deep=True) == []


def test_files_that_do_not_belong_to_the_dataset_are_ignored(clean: Path) -> None:
    (clean / "labels.cache").write_text("a trainer's")
    assert damage(clean) == []


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["files", "tar", "lossy"])
def test_every_flipped_bit_is_found(tmp_path: Path, layout: str) -> None:
    root = tmp_path / "set"
    write(Job.parse(**JOBS[layout]), LocalStore(str(root)), How())
    dice = random.Random(layout)
    paths = sorted(p for p in root.rglob("*") if p.is_file())
    missed = []
    for _ in range(150):
        path = dice.choice(paths)
        whole = path.read_bytes()
        place, bit = dice.randrange(len(whole)), dice.randrange(8)
        flipped = bytearray(whole)
        flipped[place] ^= 1 << bit
        path.write_bytes(flipped)
        try:
            said = complaints(root)
        except PixelgenError as error:  # the plan itself may be unreadable
            said = str(error)
        name = str(path.relative_to(root))
        if name not in said:
            missed.append((name, place, bit, said))
        path.write_bytes(whole)

    assert missed == []


def test_a_deep_verify_finds_changed_pixels_without_checksums(tmp_path: Path) -> None:
    write(Job.parse(**JOBS["unsummed"]), LocalStore(str(tmp_path)), How())
    path = tmp_path / "images/000004.png"
    flipped = bytearray(path.read_bytes())
    flipped[80] ^= 1
    path.write_bytes(flipped)

    assert damage(tmp_path) == []
    assert damage(tmp_path, deep=True) == ["images/000004.png"]


def test_missing_short_swapped_and_linked_files_are_named(tmp_path: Path) -> None:
    write(Job.parse(**JOBS["files"]), LocalStore(str(tmp_path)), How())
    images = tmp_path / "images"
    (images / "000001.png").unlink()
    (images / "000002.png").write_bytes((images / "000002.png").read_bytes()[:50])
    shutil.move(images / "000003.png", images / "x")
    shutil.move(images / "000004.png", images / "000003.png")
    shutil.move(images / "x", images / "000004.png")
    (images / "000005.png").rename(tmp_path / "elsewhere.png")
    (images / "000005.png").symlink_to(tmp_path / "elsewhere.png")

    assert damage(tmp_path) == [f"images/00000{number}.png" for number in range(1, 6)]


@pytest.mark.parametrize("layout", ["files", "tar:per_shard=7"])
def test_without_checksums_a_file_of_another_size_or_missing_is_named(
    tmp_path: Path, layout: str
) -> None:
    write(Job.parse(**JOBS["unsummed"], layout=layout), LocalStore(str(tmp_path)), How())
    short, long, gone = sorted({*tmp_path.rglob("*.png"), *tmp_path.rglob("*.tar")})[:3]
    short.write_bytes(short.read_bytes()[:-1])
    long.write_bytes(long.read_bytes() + b"x")
    gone.unlink()

    found = sorted(damage(tmp_path))  # shards are checked in any order
    assert found == [str(each.relative_to(tmp_path)) for each in (short, long, gone)]


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("metadata.jsonl", lambda lines: lines[:-1]),
        ("metadata.jsonl", lambda lines: [*lines, lines[-1]]),
        ("metadata.jsonl", lambda lines: [lines[1], lines[0], *lines[2:]]),
        ("metadata.jsonl", lambda lines: [*lines[:3], "{}\n", *lines[4:]]),
        ("metadata.jsonl", lambda lines: [*lines[:3], "[\n", *lines[4:]]),
        ("metadata.jsonl", lambda lines: [*lines[:3], '{"bytes":1e400}\n', *lines[4:]]),
        ("metadata.jsonl", lambda lines: ["[" * 100_000 + "\n", *lines[1:]]),
        ("metadata.jsonl", lambda lines: []),
        ("SHA256SUMS", lambda lines: lines[:-1]),
        ("SHA256SUMS", lambda lines: [*lines, "more\n"]),
        ("SHA256SUMS", lambda lines: []),
    ],
)  # fmt: skip
def test_edited_manifests_and_checksums_are_named(
    tmp_path: Path, name: str, edit: Callable[[list[str]], list[str]]
) -> None:
    write(Job.parse(**JOBS["files"]), LocalStore(str(tmp_path)), How())
    lines = (tmp_path / name).read_text().splitlines(keepends=True)
    (tmp_path / name).write_text("".join(edit(lines)))

    assert name in complaints(tmp_path)


ONE_DAMAGE: dict[str, Callable[[list[str], int], list[str]]] = {
    "taken out": lambda lines, place: [*lines[:place], *lines[place + 1 :]],
    "doubled": lambda lines, place: [*lines[: place + 1], *lines[place:]],
    "another's": lambda lines, place: [*lines[:place], "what is this\n", *lines[place + 1 :]],
    "a figure": lambda lines, place: [*lines[:place], lines[place][:-9] + "X" + lines[place][-8:],
                                      *lines[place + 1 :]],
}  # fmt: skip


@pytest.mark.parametrize("edit", ONE_DAMAGE)
@pytest.mark.parametrize("name", ["metadata.jsonl", "SHA256SUMS"])
@pytest.mark.parametrize("layout", ["files,coco,yolo", "webdataset:per_shard=3"])
def test_one_wrong_line_is_one_damage(layout: str, name: str, edit: str, tmp_path: Path) -> None:
    write(Job.parse(count=10, width=9, height=7, layout=layout), LocalStore(str(tmp_path)), How())
    path = tmp_path / name
    whole = path.read_text().splitlines(keepends=True)
    for place in range(len(whole)):
        path.write_text("".join(ONE_DAMAGE[edit](whole, place)))
        found = damage(tmp_path)
        assert len(found) == 1, (place, found)
        if not (edit == "a figure" and name == "SHA256SUMS"):  # its file may be what is wrong
            assert found == [name], place
    path.write_text("".join(whole))
    assert damage(tmp_path) == []


@pytest.mark.slow
def test_verify_of_a_plan_with_far_too_many_images_is_quick(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "negatives"
    write(Job.parse(count=4, width=9, height=7), LocalStore(str(root)), How())
    members = json.loads((root / "pixelgen.json").read_text())
    members["job"]["count"] = 1 << 53
    (root / "pixelgen.json").write_bytes(plan_text(members))
    done = run("verify", "--max-errors", 7)
    listed = run("verify", "--json", "-q")

    assert (done.returncode, listed.returncode) == (3, 3)
    assert len(done.stdout.splitlines()) == 7
    assert "7 damaged" in done.stderr
    assert "--max-errors" in done.stderr
    assert len(json.loads(listed.stdout)["damage"]) == 1000
    for command in (("status",), ("finish", "negatives"), ("index", "--layout", "coco"),
                    ("preview", "-n", 3), ("repair",)):  # fmt: skip
        assert run(*command).returncode in (0, 3), command


def test_verify_names_damaged_files_and_exits_with_3(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    make("-n", 20, "-s", 8)
    assert run("verify", "negatives").returncode == 0
    (tmp_path / "negatives/images/000003.png").write_bytes(b"spoiled")
    done = run("verify", "negatives")
    listed = json.loads(run("verify", "negatives", "--json").stdout)

    assert done.returncode == 3
    name, _, fault = done.stdout.partition(": ")
    assert name == "images/000003.png"
    for fact in ("SHA-256", "metadata.jsonl", "7 bytes"):
        assert fact in fault
    assert "1 damaged" in done.stderr
    assert listed["state"] == "damaged"
    assert [found["file"] for found in listed["damage"]] == ["images/000003.png"]


@pytest.mark.slow
def test_verify_of_an_unfinished_missing_or_newer_dataset_is_one_line(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    assert run("verify", "nowhere").returncode == 2
    make("-n", 3, "-s", 8)
    plan = tmp_path / "negatives/pixelgen.json"
    text = plan.read_text()
    for spoiled in (
        text.replace('"schema": 1', '"schema": 2'),
        text.replace('"family": "uniform"', '"family": {}'),
        text.replace('"encoder"', '"recorder"'),
        text[:40],
        "[]",
        "[" * 100_000,
        '{"schema": 1}',
    ):
        plan.write_text(spoiled)
        done = run("verify")
        assert done.returncode == 3
        assert len(done.stderr.splitlines()) == 1
    plan.write_text(text)
    manifest = tmp_path / "negatives/metadata.jsonl"
    for missing in (plan, manifest):
        kept = missing.read_bytes()
        missing.unlink()
        done = run("verify")
        assert done.returncode == 3
        assert missing.name in done.stderr
        assert "missing" in done.stderr
        missing.write_bytes(kept)
    plan.write_bytes(b"")
    done = run("verify")
    assert done.returncode == 3
    assert re.search(r"pixelgen\.json.* empty", done.stderr)
    plan.write_text(text)
    manifest.unlink()
    (tmp_path / "negatives/.pixelgen.journal").touch()
    done = run("verify")
    assert done.returncode == 1
    assert "not finished" in done.stderr


def test_a_deep_verify_refuses_bytes_of_another_encoder(
    make: Callable[..., Done], run: Run, tmp_path: Path
) -> None:
    make("-n", 3, "-s", 8, "-f", "jpeg")
    plan = tmp_path / "negatives/pixelgen.json"
    members = json.loads(plan.read_text())
    plan.write_bytes(plan_text(members | {"encoder": "Pillow 0"}))
    done = run("verify", "--deep")

    assert done.returncode == 3
    assert "Pillow 0" in done.stderr
