"""Names that somebody else's files have, before a run or before it is resumed."""

import os
import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest
from PIL import Image

from pixelgen.dataset.plan import JOURNAL, PLAN, SUMS
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.dataset.sidecar_files import sidecar_names
from pixelgen.dataset.source_record import SOURCES
from pixelgen.job import Job
from pixelgen.layouts.base import MANIFEST
from pixelgen.storage import LocalStore
from pixelgen.storage.lock import LOCK
from tests.support.command import Run, tree_digest
from tests.support.datasets import write
from tests.support.planted import (
    CUT,
    FIRST,
    FORTY,
    KINDS,
    NO_FILES,
    RESUME,
    SHARD,
    SMALL,
    ForeignFiles,
    assert_names,
    assert_refused,
    cut_short,
    identities,
    identity,
    try_generate,
    whole_digest,
)

pytestmark = pytest.mark.faults


# A plan, journal or lock without content is pixelgen's own, left by a power cut or a kill.
OURS_WHEN_EMPTY = (PLAN, JOURNAL, LOCK)


@pytest.mark.parametrize("name", [FIRST, "images", MANIFEST, SUMS, PLAN, JOURNAL, LOCK, SHARD])
@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_file_planted_before_a_run_is_refused_and_kept(
    tmp_path: Path, foreign: ForeignFiles, kind: str, name: str
) -> None:
    out = tmp_path / "set"
    foreign.plant(kind, out / name)
    victims, before = foreign.snapshot(), identities(out)
    code, line = try_generate(out, layout="tar:per_shard=20" if name == SHARD else "files", **FORTY)

    assert foreign.snapshot() == victims
    if code == 0 and may_be_used(name, kind):
        assert (out / "images").is_dir()
        return
    assert code == 3, line
    assert_names(line, name)
    assert {path: who for path, who in identities(out).items() if path in before} == before
    assert list(out.rglob("*.part")) == []


def may_be_used(name: str, kind: str) -> bool:
    """Tell whether a run may go ahead; of an empty file's hard link the victim stays, the name may
    go."""
    if name in OURS_WHEN_EMPTY:
        return kind in ("empty", "hard link to empty")
    return (name, kind) == ("images", "folder")


@pytest.mark.parametrize("name", [FIRST, "images", MANIFEST, LOCK])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_the_command_names_a_planted_file_in_one_line(
    run: Run, tmp_path: Path, foreign: ForeignFiles, kind: str, name: str
) -> None:
    foreign.plant(kind, tmp_path / "set" / name)
    done = run(*SMALL)
    if (name, kind) == ("images", "folder"):
        assert done.returncode == 0
    else:
        assert_refused(done, name)


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "text", "hard link"])
def test_a_source_record_planted_before_a_run_is_refused_and_kept(
    run: Run, tmp_path: Path, foreign: ForeignFiles, kind: str
) -> None:
    (tmp_path / "own").mkdir()
    Image.new("RGB", (32, 32), "red").save(tmp_path / "own/one.png")
    out = tmp_path / "set"
    foreign.plant(kind, out / SOURCES)
    victims, before = foreign.snapshot(), identity(out / SOURCES)
    done = run(*SMALL, "--family", "pixel_shuffle:source=own")

    assert_refused(done, SOURCES)
    assert foreign.snapshot() == victims
    assert identity(out / SOURCES) == before


def test_a_foreign_source_record_beside_a_dataset_without_sources_is_kept(
    run: Run, tmp_path: Path, foreign: ForeignFiles
) -> None:
    foreign.plant("text", tmp_path / "set" / SOURCES)
    before = identity(tmp_path / "set" / SOURCES)

    assert run(*SMALL).returncode == 0
    assert identity(tmp_path / "set" / SOURCES) == before


@pytest.mark.parametrize("kind", [*NO_FILES, "text", "hard link"])
@pytest.mark.parametrize("place", ["done", "missing", "index", "manifest", SUMS])
def test_a_foreign_file_planted_before_a_resume_is_refused_and_kept(
    tmp_path: Path, foreign: ForeignFiles, layout: str, place: str, kind: str
) -> None:
    out = cut_short(tmp_path / "set", layout)
    job = Job.parse(layout=layout, **CUT)
    first, *_, last = job.files()
    indexed = next(chain(*sidecar_names(job)), last)
    places = {"done": first, "missing": last, "index": indexed, "manifest": job.manifest}
    name = places.get(place, place)
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    foreign.plant(kind, out / name)
    victims, before = foreign.snapshot(), identity(out / name)
    code, line = try_generate(out, layout=layout, **CUT)

    assert foreign.snapshot() == victims
    assert identity(out / name) == before
    assert list(out.rglob("*.part")) == []
    assert code == 3, line
    assert name.rpartition("/")[2] in line
    (shutil.rmtree if kind == "folder" else os.unlink)(out / name)
    write(Job.parse(layout=layout, **CUT), LocalStore(str(out), "none"), How())
    assert tree_digest(out) == whole_digest(layout)


@pytest.mark.parametrize("kind", [*NO_FILES, "text", "hard link"])
@pytest.mark.parametrize("name", [JOURNAL, LOCK, PLAN])
def test_foreign_state_planted_before_a_resume_does_no_harm(
    tmp_path: Path, foreign: ForeignFiles, kind: str, name: str
) -> None:
    out = cut_short(tmp_path / "set", "files")
    foreign.plant(kind, out / name)
    victims, before = foreign.snapshot(), identity(out / name)
    code, line = try_generate(out, **CUT)

    assert foreign.snapshot() == victims
    if name == JOURNAL and kind == "text" and code == 0:
        assert tree_digest(out) == whole_digest("files")  # lines that are not ours do not count
        return
    assert code == 3, line
    assert_names(line, name)
    assert identity(out / name) == before


@pytest.mark.parametrize("where", ["images", "images/001"])
@pytest.mark.parametrize("kind", ["link to folder", "dangling", "text", "pipe"])
def test_a_planted_folder_is_not_followed_out_of_the_dataset(
    tmp_path: Path, foreign: ForeignFiles, where: str, kind: str
) -> None:
    foreign.plant(kind, tmp_path / "set" / where)
    victims, before = foreign.snapshot(), identity(tmp_path / "set" / where)
    code, line = try_generate(tmp_path / "set", count=10_500, width=1, height=1, checksum="none")

    assert code == 3, line
    assert_names(line, where)
    assert foreign.snapshot() == victims
    assert identity(tmp_path / "set" / where) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_file_under_the_name_of_a_temporary_file_does_no_harm(
    run: Run, tmp_path: Path, foreign: ForeignFiles, kind: str
) -> None:
    out = cut_short(tmp_path / "set", "files")
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = os.uname().nodename
    foreign.plant(kind, out / f"images/.000003.png.{host}.{dead.pid}.0123abcd.part")
    inside = {p: p.read_text() for p in out.rglob("mine")}
    victims = foreign.snapshot()
    done = run(*RESUME, "files")

    assert done.returncode == 0, done.stderr
    assert foreign.snapshot().keys() == victims.keys()
    assert foreign.snapshot() == victims
    assert {p: p.read_text() for p in inside} == inside


def test_a_parent_of_the_directory_may_be_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "way").symlink_to("disk")
    assert run(*SMALL[:-1], "way/set").returncode == 0
    assert run(*SMALL[:-1], "plain").returncode == 0
    assert run("verify", "way/set").returncode == 0

    assert (tmp_path / "way").is_symlink()
    assert tree_digest(tmp_path / "disk/set") == tree_digest(tmp_path / "plain")
