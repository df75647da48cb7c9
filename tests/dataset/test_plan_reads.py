"""A command reads the plan once, and once more under the lock; it builds no job twice."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from pixelgen.cli import main
from pixelgen.dataset.plan import JOURNAL, PLAN, Plan
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from tests.support.command import tree_digest

DATASET = ["generate", "-n", "6", "-s", "8", "-q", "-j", "1", "-o"]
LAYOUT = ["--layout", "webdataset:per_shard=2"]


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the reads of the plan's file, and the jobs that are built."""
    counted: Counter[str] = Counter()
    read, build, parse = LocalStore.read, Job._set, Plan.parse

    def count_read(store: LocalStore, name: str, max_bytes: int) -> bytes:
        counted["reads"] += name == PLAN
        return read(store, name, max_bytes)

    def count_build(job: Job, fields: object) -> None:
        counted["jobs"] += 1
        build(job, fields)  # type: ignore[arg-type]

    def count_parse(text: bytes) -> Plan:
        counted["plans"] += 1
        return parse(text)

    monkeypatch.setattr(LocalStore, "read", count_read)
    monkeypatch.setattr(Job, "_set", count_build)
    monkeypatch.setattr(Plan, "parse", count_parse)
    return counted


def run(*arguments: str) -> None:
    assert main(list(arguments)) == 0


@pytest.mark.parametrize("case", ["nothing to do", "resume", "repair", "new"])
def test_a_command_reads_the_plan_at_most_twice_and_builds_at_most_two_jobs(
    counts: Counter[str], tmp_path: Path, case: str
) -> None:
    out = tmp_path / "out"
    command = [*DATASET, str(out), *LAYOUT]
    if case != "new":
        run(*command)
    intact = tree_digest(out) if case != "new" else ""
    if case == "resume":
        for name in ("metadata.jsonl", "SHA256SUMS", "negatives-000001.tar"):
            (out / name).unlink()
        (out / JOURNAL).write_bytes(b"")
    if case == "repair":
        (out / "negatives-000001.tar").write_bytes(b"damaged")
    counts.clear()
    run(*(["repair", str(out), "-q", "-j", "1"] if case == "repair" else command))

    assert counts["reads"] <= 2
    assert counts["jobs"] <= 2
    assert counts["plans"] <= 1
    assert case == "new" or tree_digest(out) == intact


@pytest.mark.parametrize("layout", ["files,coco,yolo", "webdataset:per_shard=2,wids", "parquet"])
def test_a_dataset_resumed_from_nothing_but_its_plan_is_the_same(
    tmp_path: Path, layout: str
) -> None:
    command = [*DATASET, str(tmp_path / "out"), "--layout", layout]
    run(*command)
    intact = tree_digest(tmp_path / "out")
    plan = (tmp_path / "out" / PLAN).read_bytes()
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / PLAN).write_bytes(plan)
    run(*command)
    assert tree_digest(tmp_path / "out") == intact
