"""The plan: what is in it, and that nothing is lost where a command refuses it.

Each member of a plan is changed, taken out and added to, in a finished dataset that lost an image
and in an unfinished one, and each command is run: where it refuses, not a byte is lost.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pixelgen.cli import main
from pixelgen.dataset.plan import Plan, plan_text
from pixelgen.errors import AnotherJob
from pixelgen.job import Job
from pixelgen.job_options import JobOptions
from pixelgen.storage import LocalStore
from tests.support.command import Done, Run
from tests.support.datasets import write
from tests.support.upgrades import COMMANDS, JOB, SERIAL, contents

SMALL = ("-n", 300, "-s", "64x48")


@pytest.mark.parametrize(
    "change",
    [("-n", 299), ("-s", 65), ("--seed", 1), ("--family", "gaussian"), ("-f", "bmp"),
     ("--checksum", "none"), ("--color", "red"), ("--layout", "tar")],
)  # fmt: skip
def test_a_plan_of_another_job_is_refused_and_no_file_changes(
    make: Callable[..., Done], run: Run, tmp_path: Path, change: tuple[str, object]
) -> None:
    make(*SMALL)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "negatives").rglob("*")}
    done = run("generate", *SMALL, *change)

    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "another job" in done.stderr
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "negatives").rglob("*")} == before


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        ({"start": 20}, {}, "start is 20, not 0"),
        ({}, {"start": 20}, "start is 0, not 20"),
        ({"layout": "coco", "first_id": 7}, {"layout": "coco"}, "first_id is 7, not 1"),
        ({"label_number": 3, "classes": "a,b"}, {"classes": "a,b"}, "label_number is 3, not 2"),
        ({"classes": "a,b", "category_ids": "7,9"}, {"classes": "a,b"},
         "category_ids is [7, 9], not [1, 2]"),
        ({"color": "red", "density": 0.25}, {"color": "red"}, "density is 0.25, not 0.5"),
        ({"color": "red", "density": 0.25}, {"color": "red", "family": "shapes"},
         "density is 0.25, not 1"),
        ({"label": "cat"}, {}, "label is cat, not the default"),
        ({"prefix": "neg_"}, {}, "prefix is neg_, not none"),
        ({"removed": ",".join(map(str, range(0, 90, 2)))}, {},
         "removed is 0,2,4,6,8,10,12,14,… (45 indices), not none"),
        ({"classes": [f"c{n}" for n in range(900)]}, {}, "classes is ['c0', 'c1', "),
    ],
)  # fmt: skip
def test_a_difference_names_both_values_also_where_one_is_the_default(
    there: dict[str, object], here: dict[str, object], said: str
) -> None:
    size: dict[str, object] = {"count": 99, "size": 8}
    with pytest.raises(AnotherJob) as refusal:
        Plan.of(Job.parse(**size | there)).compare(Job.parse(**size | here), "set")
    assert said in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_the_plan_contains_no_clock_host_or_path(finished: Path) -> None:
    plan = json.loads((finished / "pixelgen.json").read_text())

    assert list(plan) == [
        "schema",
        "pixelgen",
        "numpy",
        "encoder",
        "algorithm",
        "sources",
        "digest",
        "job",
        "crc32",
    ]
    assert os.uname().nodename not in json.dumps(plan["job"])
    assert Job.parse(**plan["job"]).digest == plan["digest"]


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
    "job.start": (5, -1, "x"),
    "job.removed": ("3", "0-11", "12", "x"),
    "job.label": ("cat", "../cat"),
    "job.label_number": (7, -1),
    "job.classes": (["cat", "dog"], [1]),
    "job.category_ids": ([1], [7, 7]),
    "job.first_id": (7, -1),
    "job.prefix": ("neg_", "../x"),
    "job.split": ("train=0.5,val=0.5", "train=2"),
    "job.selection": ("0" * 64, "x"),
    "job.remote": ("https://api.pixlab.io", "file:///etc"),
}


def test_every_field_of_a_job_is_tried() -> None:
    assert {name.removeprefix("job.") for name in OTHERS if name.startswith("job.")} == (
        (JobOptions.__annotations__.keys() | {"selection"}) - {"size"}
    )
    members = json.loads(Plan.of(Job.parse(**JOB)).text)
    assert {name for name in OTHERS if "." not in name} == members.keys()


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


def lost(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [name for name, digest in before.items() if after.get(name) != digest]


def test_a_field_missing_from_a_plan_has_its_default(
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
        is_newer = "git checkout v99.1.0" in str(caught.value)
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
