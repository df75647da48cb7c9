"""Partitions that become one dataset: identical to one run's."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pixelgen.dataset.existing_plan import MANIFESTS
from pixelgen.dataset.plan import PLAN, plan_text
from tests.support.command import Run, tree_digest
from tests.support.faults import layouts
from tests.support.partitions import JOB, Make, partition


@pytest.mark.slow
@pytest.mark.parametrize("layout", layouts(10))
def test_four_partitions_at_once_and_finish_equal_one_run(
    tmp_path: Path, make: Make, run: Run, layout: str
) -> None:
    job = ("-n", 200, "-s", 48, "--layout", layout, "-q")
    make(*job, "-o", "whole")
    out = tmp_path / "out"
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda number: partition(out, number, job), range(1, 5)))
    assert [(each.returncode, each.stdout, each.stderr) for each in done] == [(0, "", "")] * 4
    assert not any((out / name).exists() for name in MANIFESTS)
    ended = run("finish", "-q", "out")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("out/")
    assert tree_digest(out) == tree_digest(tmp_path / "whole")
    assert run("finish", "-q", "out").stdout == ended.stdout
    assert run("verify", "-q", "out").returncode == 0


@pytest.mark.slow
def test_finish_joins_partitions_of_several_directories(
    tmp_path: Path, make: Make, run: Run
) -> None:
    make(*JOB, "-o", "whole")
    places = [tmp_path / f"place-{number}" for number in range(1, 5)]
    for number, place in enumerate(places, 1):
        assert partition(place, number).returncode == 0
    digests = [tree_digest(place) for place in places]
    names = [place.name for place in places]
    done = run("finish", "out", *names[:3], "-q")
    assert done.returncode == 1
    assert "out" in done.stderr
    assert "3, 7, 11, 15, 19" in done.stderr
    done = run("finish", "out", names[3], "--json", "-q")
    assert json.loads(done.stdout)["copied"] == 50
    assert tree_digest(tmp_path / "out") == tree_digest(tmp_path / "whole")
    assert [tree_digest(place) for place in places] == digests
    assert run("finish", *names, "-q").returncode == 0
    assert tree_digest(places[0]) == tree_digest(tmp_path / "whole")


@pytest.mark.slow
def test_finish_does_not_copy_a_damaged_file(tmp_path: Path, run: Run) -> None:
    for number in (1, 2):
        assert partition(tmp_path / f"place-{number}", number, total=2).returncode == 0
    victim = tmp_path / "place-2" / "negatives-000003.tar"
    data = bytearray(victim.read_bytes())
    data[700] ^= 1
    victim.write_bytes(data)
    done = run("finish", "out", "place-1", "place-2")
    assert done.returncode == 3
    assert "negatives-000003.tar" in done.stderr
    assert "remove" in done.stderr
    victim.unlink()
    assert run("finish", "out", "place-1", "place-2").returncode == 1
    assert partition(tmp_path / "place-2", 2, total=2).returncode == 0
    assert run("finish", "out", "place-1", "place-2").returncode == 0


def test_finish_refuses_directories_of_two_jobs(tmp_path: Path, run: Run) -> None:
    assert partition(tmp_path / "one", 1, total=2).returncode == 0
    assert partition(tmp_path / "two", 2, (*JOB, "--seed", 1), total=2).returncode == 0
    done = run("finish", "one", "two")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert "two" in done.stderr
    assert "seed" in done.stderr
    assert run("finish", "one", "nothing").returncode == 2
    assert not (tmp_path / "nothing").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("pixelgen", "0.0.1"), ("numpy", "1.0")])
def test_finish_refuses_and_keeps_partitions_of_another_version(
    name: str, value: str, tmp_path: Path, run: Run
) -> None:
    for number in (1, 2):
        assert partition(tmp_path / f"place-{number}", number, total=2).returncode == 0
    assert partition(tmp_path / "shared", 1, total=2).returncode == 0
    for place in ("place-2", "shared"):
        plan = tmp_path / place / PLAN
        plan.write_bytes(plan_text(json.loads(plan.read_text()) | {name: value}))
    before = tree_digest(tmp_path)
    for command in (
        ("finish", "out", "place-1", "place-2"),
        ("finish", "place-2", "place-1"),
        ("finish", "shared"),
        ("generate", *JOB, "--partition", "2/2", "-o", "shared"),
    ):
        done = run(*command)
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), command
        assert f"{name} was {value}" in done.stderr
        assert "version" in done.stderr
    assert tree_digest(tmp_path) == before


@pytest.mark.slow
def test_finish_needs_no_source_images(tmp_path: Path, make: Make, run: Run) -> None:
    make("-n", 3, "-o", "photos")
    job = ("-n", 120, "-s", 32, "--family", "pixel_shuffle:source=photos/images", "-q",
           "--layout", "webdataset:per_shard=10")  # fmt: skip
    make(*job, "-o", "whole")
    for number in (1, 2):
        assert partition(tmp_path / f"place-{number}", number, job, total=2).returncode == 0
    (tmp_path / "photos").rename(tmp_path / "gone")
    done = run("finish", "out", "place-1", "place-2", "-q")
    assert done.returncode == 0, done.stderr
    assert tree_digest(tmp_path / "out") == tree_digest(tmp_path / "whole")
