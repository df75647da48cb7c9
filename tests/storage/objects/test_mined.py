"""Datasets that are mined into an object store: the objects are the files of a directory."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelgen.dataset.plan import PLAN
from pixelgen.dataset.selection_record import SEARCH_JOURNAL
from tests.support.command import Run, tree_digest
from tests.support.faults import kill_group, running
from tests.support.mined import MINE, mine
from tests.support.s3_front import Answer, Front, Request
from tests.support.s3_server import Server

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("layout", ["files,coco", "webdataset:per_shard=10"])
def test_a_mined_dataset_is_the_one_of_a_directory_object_by_object(
    s3: Server, prefix: str, tmp_path: Path, run: Run, layout: str
) -> None:
    whole, url = mine(tmp_path, "whole", "--layout", layout, "-j", 1), f"s3://sets/{prefix}/out"
    command = (*MINE, "--layout", layout, "-j", 2, "-o", url)
    done = run(*command)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{url}/metadata.jsonl\n", "")
    assert s3.digest(f"{prefix}/out") == tree_digest(whole)
    assert s3.uploads() == []
    done = run(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert run("verify", url, "--deep", "-q").returncode == 0
    other = f"s3://sets/{prefix}/other"
    assert run("select", url, "--keep", 16, "-q", "-o", other).returncode == 0
    assert run("select", "whole", "--keep", 16, "-q", "-o", "other").returncode == 0
    assert s3.digest(f"{prefix}/other") == tree_digest(tmp_path / "other")
    s3.remove(f"{prefix}/out/selection.jsonl")
    assert run("repair", url, "-q").returncode == 0
    assert s3.digest(f"{prefix}/out") == tree_digest(whole)


class HoldPut:
    """Holds the first PUT of an object, and those after it, until the one who asks is killed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.reached, self.killed = threading.Event(), threading.Event()

    def __call__(self, request: Request, forward: Callable[[], Answer]) -> Answer | None:
        if request.method == "PUT" and self._name in request.path:
            self.reached.set()
        if request.method != "PUT" or not self.reached.is_set():
            return forward()
        self.killed.wait(120)
        return None


@pytest.mark.parametrize("name", [f"{SEARCH_JOURNAL}.", PLAN, "000007.png"])
def test_a_killed_run_is_resumed(
    fronted: Front, s3: Server, tmp_path: Path, run: Run, name: str
) -> None:
    prefix = tmp_path.name
    whole, url = mine(tmp_path, "whole", "-j", 1), f"s3://sets/{prefix}/out"
    fronted.rule = rule = HoldPut(name)
    with running(tmp_path, *MINE, "-j", 2, "-o", url) as process:
        assert rule.reached.wait(120)
        kill_group(process)
        process.wait(120)
    rule.killed.set()
    assert s3.torn(f"{prefix}/out", whole) == []
    fronted.rule = lambda _, forward: forward()
    done = run(*MINE, "-j", 2, "-o", url)
    assert (done.returncode, done.stderr) == (0, "")
    assert s3.digest(f"{prefix}/out") == tree_digest(whole)
