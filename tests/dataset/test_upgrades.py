"""Datasets that another version made: what is there stays, whatever a command thinks of the plan.

Each member of a plan is changed, taken out and added to, in a finished dataset that lost an image
and in an unfinished one, and each command is run: where it refuses, not a byte is lost.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pixelgen.cli import main
from pixelgen.dataset.plan import Plan, plan_text
from pixelgen.dataset.writer import Run, write
from pixelgen.engines import Serial
from pixelgen.families.pointwise import Gaussian, Uniform
from pixelgen.job import Job
from pixelgen.storage import LocalStore

SERIAL = Run(Serial())
JOB: dict[str, Any] = {"count": 12, "width": 9, "height": 7, "color": "red", "layout": "files,coco"}
GENERATE = (
    "-n",
    "12",
    "-s",
    "9x7",
    "--color",
    "red",
    "--layout",
    "files,coco",
    "-q",
    "-j",
    "1",
    "-o",
    "set",
)
COMMANDS: dict[str, tuple[str, ...]] = {
    "generate": ("generate", *GENERATE),
    "another job": ("generate", *GENERATE, "--seed", "5"),
    "more sidecars": ("generate", *GENERATE, "--layout", "files,coco,csv"),
    "force": ("generate", *GENERATE, "--seed", "5", "--force"),
    "dry run": ("generate", *GENERATE, "--dry-run"),
    "partition": ("generate", *GENERATE, "--shard", "1/2"),
    "repair": ("repair", "set", "-q", "-j", "1"),
    "deep repair": ("repair", "set", "-q", "--deep", "-j", "1"),
    "finish": ("finish", "set", "-q"),
    "gather": ("finish", "gathered", "set", "-q"),
    "index": ("index", "set", "--layout", "csv", "-q"),
    "verify": ("verify", "set", "-q", "-j", "1"),
    "deep verify": ("verify", "set", "-q", "--deep", "-j", "1"),
    "status": ("status", "set"),
    "preview": ("preview", "set", "-o", "sheet.png"),
}
OTHERS: dict[str, tuple[Any, ...]] = {
    "schema": (2, "1", None),
    "pixelgen": ("0.0.1", "9.0.0", 1),
    "numpy": ("1.0", 1),
    "encoder": ("Pillow 0", 1),
    "algorithm": ("uniform/0", 1),
    "sources": (["0" * 64], "none", [1]),
    "digest": ("0" * 64, 1),
    "job": ({}, [], None),
    "crc32": ("00000000",),
    "job.count": (11, 13, 0, 1 << 53, -1, "12"),
    "job.width": (8, 0),
    "job.height": (8, 1 << 40),
    "job.mode": ("L", "CMYK"),
    "job.depth": (16, 7),
    "job.color": ("blue", "tr", "none of them"),
    "job.density": (0.25, 2),
    "job.family": ("gaussian", ["uniform", "gaussian"], "unheard_of", "os.system"),
    "job.format": ("bmp", "jpeg", "unheard_of"),
    "job.layout": ("imagefolder", "files", "webdataset:per_shard=5", "os.path"),
    "job.checksum": ("none", "md5"),
    "job.seed": ("0x1", "seven"),
    "job.label": ("cat", "../cat"),
    "job.split": ("train=0.5,val=0.5", "train=2"),
    "job.remote": ("https://api.pixlab.io", "file:///etc"),
}


def test_every_field_of_a_job_is_tried() -> None:
    assert {name.removeprefix("job.") for name in OTHERS if name.startswith("job.")} == {
        field.name for field in fields(Job)
    }
    members = json.loads(Plan.of(Job.parse(**JOB)).text)
    assert {name for name in OTHERS if "." not in name} == members.keys()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished dataset that lost an image."""
    root = tmp_path_factory.mktemp("finished") / "set"
    write(Job.parse(**JOB), LocalStore(str(root), "none"), SERIAL)
    (root / "images/000004.png").unlink()
    (root / "mine.txt").write_text("mine")
    return root


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that was interrupted when all images were there."""
    root = tmp_path_factory.mktemp("unfinished") / "set"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pixelgen.dataset.manifest.publish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write(Job.parse(**JOB), LocalStore(str(root), "none"), SERIAL)
    assert (root / ".pixelgen.journal").exists()
    (root / "mine.txt").write_text("mine")
    return root


@pytest.fixture(params=["finished", "unfinished"])
def dataset(request: pytest.FixtureRequest) -> Path:
    root: Path = request.getfixturevalue(request.param)
    return root


def edited(plan: dict[str, Any], place: str) -> Iterator[dict[str, Any]]:
    """Yield plans in which a member is another, is missing, or has an unknown one beside it."""
    name, _, inner = place.partition(".")
    for value in OTHERS[place]:
        members = json.loads(json.dumps(plan))
        (members["job"] if inner else members)[inner or name] = value
        yield members
    members = json.loads(json.dumps(plan))
    (members["job"] if inner else members).pop(inner or name, None)
    yield members
    (members["job"] if inner else members)[f"{inner or name}_2"] = 1
    yield members


def contents(root: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, but for locks and temporary files."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith((".lock", ".part"))
    }


def lost(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [name for name, digest in before.items() if after.get(name) != digest]


@pytest.mark.parametrize("command", ["repair", "deep repair", "deep verify"])
def test_images_of_another_version_are_called_so_and_stay(
    command: str,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(finished, tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Uniform, "version", 2)
    before = contents(Path("set"))
    code = main(COMMANDS[command])

    assert code == 3
    said = capfd.readouterr().err
    assert "version" in said
    assert re.search(r"uniform/1\b.*uniform/2\b", said)
    assert "damaged" not in said
    assert contents(Path("set")) == before


def test_images_whose_pixels_changed_without_a_word_are_not_remade(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Uniform, "render", Gaussian().render)
    before = contents(Path("set"))

    assert main(COMMANDS["repair"]) == 3
    assert contents(Path("set")) == before


def test_a_plan_without_a_field_that_this_version_knows_is_the_plan_of_its_default(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    members = json.loads(Path("set/pixelgen.json").read_text())
    del members["job"]["checksum"]
    Path("set/pixelgen.json").write_bytes(plan_text(members))
    _list_in_sums(plan_text(members))

    assert main(COMMANDS["repair"]) == 0
    assert main(COMMANDS["verify"]) == 0
    assert main(COMMANDS["generate"]) == 0
    assert main(COMMANDS["index"]) == 0
    assert json.loads(Path("set/pixelgen.json").read_text())["digest"] == members["digest"]


NEWER = {"schema": 2, "later": 1, "job.later": 1, "job.family": "later"}


@pytest.mark.parametrize("name", NEWER)
def test_a_plan_of_a_newer_version_says_what_to_install(name: str, finished: Path) -> None:
    members = json.loads((finished / "pixelgen.json").read_text())
    place, _, inner = name.rpartition(".")
    (members[place] if place else members)[inner] = NEWER[name]
    for version in ("99.1.0", "0.0.1", "99 && reboot"):
        text = plan_text(members | {"pixelgen": version})
        with pytest.raises(ValueError, match=r"\w") as caught:
            Plan.parse(text)
        is_newer = "pip install 'pixelgen>=99.1.0'" in str(caught.value)
        assert is_newer == (version == "99.1.0"), caught.value


@pytest.mark.slow
@pytest.mark.parametrize("place", OTHERS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_refuses_a_plan_loses_nothing(
    dataset: Path, command: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = json.loads((dataset / "pixelgen.json").read_text())
    monkeypatch.chdir(tmp_path)
    for members in edited(plan, place):
        for keep_sum in (False, True):
            shutil.copytree(dataset, "set")
            text = plan_text(members)
            if place == "crc32":
                text = json.dumps(members, indent=1).encode() + b"\n"
            Path("set/pixelgen.json").write_bytes(text)
            if keep_sum and Path("set/SHA256SUMS").exists():
                _list_in_sums(text)
            before = contents(Path("set"))
            code = main(COMMANDS[command])

            assert code in (0, 1, 2, 3), (members, code)
            if code != 0:
                assert lost(before, contents(Path("set"))) == [], members
            assert Path("set/mine.txt").read_text() == "mine"
            shutil.rmtree("set")
            shutil.rmtree("gathered", ignore_errors=True)


def _list_in_sums(plan: bytes) -> None:
    """Have the sums list a plan, as if the dataset had been made with it."""
    sums = Path("set/SHA256SUMS")
    digest = hashlib.sha256(plan).hexdigest()
    lines = sums.read_text().splitlines()
    lines = [
        f"{digest}  pixelgen.json" if line.endswith("pixelgen.json") else line for line in lines
    ]
    sums.write_text("\n".join(lines) + "\n")
