"""Sets of every layout, each made once a session by the command as users run it."""

import fcntl
import gc
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

from pixelgen import registry
from pixelgen.job import Job
from pixelgen.layouts import Container, Sidecar
from pixelgen.layouts.layout import Layout
from tests.support.command import COMMAND

COUNT, WIDTH, HEIGHT = 20, 64, 48
LOOK = ("-n", str(COUNT), "-s", f"{WIDTH}x{HEIGHT}", "--seed", "0x8000000000000000000f",
        "--durability", "none")  # fmt: skip
SPLIT = ("--split", "train=0.8,val=0.2", "--class", "bird")
SHARES = {"train": 16, "val": 4}


_SIDECARS = sorted(
    (part for part in registry.components("layout").values() if issubclass(part, Sidecar)),
    key=lambda part: bool(part.excludes),
)
"""All sidecars; those that exclude others come last."""


def fullest(layout: str) -> str:
    """Spell a layout with all other sidecars that go with it and with each other."""
    found = Layout.parse(layout)
    for part in _SIDECARS:
        names = {each.name for each in found.sidecars}
        excluded = {name for each in found.sidecars for name in each.excludes}
        if (
            part.name not in names | excluded
            and names.isdisjoint(part.excludes)
            and found.container.name in (part.containers or (found.container.name,))
        ):
            found = found.with_sidecars((part(),))
    return str(found)


LAYOUTS = {
    part.name: fullest(part.name)
    for part in registry.components("layout").values()
    if issubclass(part, Container)
}
"""Each container, with its layout at the fullest."""

FULLEST = [
    *LAYOUTS.values(),
    *(
        fullest(f"{container},{part.name}")
        for part in _SIDECARS
        for container in (part.containers or LAYOUTS)
        if part.excludes
    ),
]
"""These layouts, and those at the fullest with each sidecar that excludes others."""


@dataclass(frozen=True)
class Made:
    """A finished set: its directory, its manifest, and the calls that the command printed."""

    root: Path
    manifest: Path
    calls: tuple[str, ...]

    @cached_property
    def job(self) -> Job:
        return Job.parse(**json.loads((self.root / "pixelgen.json").read_text())["job"])

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.manifest.read_text().splitlines()]

    @property
    def files(self) -> list[str]:
        """The paths of all files, relative to the directory, in order."""
        found = (path for path in self.root.rglob("*") if not path.is_dir())
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def read(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()

    def json(self, name: str) -> Any:
        return json.loads(self.read(name))

    def copy(self, to: Path) -> Path:
        """Copy the directory, for a test that spoils it."""
        return Path(shutil.copytree(self.root, to / "copy"))


Sets = Callable[..., Made]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a test run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def once(folder: Path, about: object, make: Callable[[Path], object]) -> Any:
    """Make something in a folder of its own, unless another worker did; return it, by JSON."""
    own = folder / hashlib.sha256(repr(about).encode()).hexdigest()[:16]
    with own.with_suffix(".json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if not file.read():
            own.mkdir(exist_ok=True)
            file.write(json.dumps(make(own)))
        file.seek(0)
        return json.load(file)


@pytest.fixture(scope="session")
def sets(shared: Path) -> Sets:
    """Make a set of a layout, spelled or by the name of its container, in a folder of its own."""

    @cache
    def sets(layout: str, *options: str) -> Made:
        layout = LAYOUTS.get(layout, layout)

        def make(folder: Path) -> list[str]:
            done = subprocess.run(
                [COMMAND, "generate", *LOOK, "--layout", layout, *options],
                check=False, capture_output=True, text=True, cwd=folder,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return [str(folder), done.stdout.strip(), done.stderr]

        folder, manifest, said = once(shared, (layout, options), make)
        calls = re.findall("^load it: (.*)$", said, re.MULTILINE)
        return Made(Path(folder, "negatives"), Path(folder, manifest), tuple(calls))

    return sets


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    """Each container's name."""
    return str(request.param)


@pytest.fixture(params=[(), SPLIT], ids=["whole", "split"])
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """No options, or those that share a set out and name its class."""
    return tuple(request.param)


@pytest.fixture
def made(sets: Sets, layout: str, options: tuple[str, ...]) -> Made:
    """A set of each layout, whole and shared out."""
    return sets(layout, *options)


@pytest.fixture
def whole(sets: Sets, layout: str) -> Made:
    """A set of each layout that is not shared out."""
    return sets(layout)


def read_all(data: Iterable[Any]) -> list[Any]:
    """Read what webdataset gives, which leaves its archives open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        found = list(data)
        gc.collect()
    return found


Offline = Callable[[str, object], Any]


@pytest.fixture(scope="session")
def offline(shared: Path) -> Offline:
    """Run code that imports Hugging Face datasets, in a process without a network.

    The code finds an argument in ``given``, and answers by its last line, as JSON.
    """

    def offline(code: str, given: object) -> Any:
        return once(shared, (code, given), lambda folder: _alone(code, given, folder))

    return offline


def _alone(code: str, given: object, folder: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys; given = json.loads(sys.argv[1])\n{code}",
         json.dumps(given)],
        check=False, capture_output=True, text=True, cwd=folder,
        env=os.environ | {"HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    if "No module named 'datasets'" in done.stderr:
        pytest.skip("datasets is not installed")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
