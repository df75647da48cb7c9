"""Runs that begin one set at the same moment, where there is no lock, and where there is one."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pixelgen.dataset.partition import Partition
from pixelgen.dataset.run_config import RunConfig as How
from pixelgen.engines import Serial
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.storage import LocalStore
from pixelgen.storage.object_log import ObjectLog
from pixelgen.storage.objects import ObjectStore
from tests.support.command import Done, Run, tree_digest
from tests.support.datasets import write, write_partition
from tests.support.s3_front import Answer, Front, Request
from tests.support.s3_server import Server

pytestmark = pytest.mark.engine

Make = Callable[..., Done]

JOB = ("-n", 80, "-s", 40, "--layout", "webdataset:per_shard=10", "-j", 1, "-q")
HERE = How(engine=Serial(), jobs=1)


@dataclass(frozen=True)
class Raced(ObjectStore):
    """A bucket in which something happens between a look and what follows from it, once."""

    looks: Iterator[None] = field(default_factory=lambda: iter(()), compare=False)
    moment: str = "is_known_empty"

    def is_known_empty(self) -> bool:
        self.happen("is_known_empty")
        return super().is_known_empty()

    @contextmanager
    def log(self, name: str) -> Iterator[ObjectLog]:
        self.happen("log")
        with super().log(name) as log:
            yield log

    def size(self, name: str) -> int | None:
        found = super().size(name)
        self.happen(f"size {name}")
        return found

    def happen(self, moment: str) -> None:
        if moment == self.moment:
            next(self.looks, None)


def once(action: Callable[[], object]) -> Iterator[None]:
    """Do something at the first step, and nothing at those after it."""
    action()
    yield


@pytest.fixture
def job(tmp_path: Path, make: Make) -> Job:
    """Return the job of the set ``whole``, which is there, as one command makes it."""
    make(*JOB, "-o", "whole")
    return Job.parse(**json.loads((tmp_path / "whole" / "pixelgen.json").read_text())["job"])


def begin_between(run: Run, url: str, moment: str, *options: object) -> Raced:
    """Return a store in which another run makes its portion at a moment of ours."""

    def other() -> None:
        done = run("generate", *JOB, *options, "--partition", "2/2", "-o", url)
        assert done.returncode == 0, done.stderr

    return Raced(url, looks=once(other), moment=moment)


@pytest.mark.parametrize("moment", ["is_known_empty", "log"])
def test_a_set_that_another_portion_begins_at_the_same_moment_is_resumed(
    s3: Server, tmp_path: Path, run: Run, job: Job, moment: str
) -> None:
    url = f"s3://sets/{tmp_path.name}"
    store = begin_between(run, url, moment)
    assert write_partition(job, store, HERE, Partition(1, 2)).created == 40
    assert run("finish", url, "-q").returncode == 0
    assert s3.digest(tmp_path.name) == tree_digest(tmp_path / "whole")


@pytest.mark.parametrize("moment", ["is_known_empty", "log"])
def test_another_job_that_is_begun_at_the_same_moment_is_a_conflict(
    s3: Server, prefix: str, run: Run, job: Job, moment: str
) -> None:
    store = begin_between(run, f"s3://sets/{prefix}", moment, "--seed", 1)
    with pytest.raises(Conflict, match=r"another job.*seed"):
        write_partition(job, store, HERE, Partition(1, 2))


def test_four_processes_that_begin_a_set_together_make_it(
    s3: Server, tmp_path: Path, run: Run, job: Job
) -> None:
    url = f"s3://sets/{tmp_path.name}"
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(
            lambda number: run("generate", *JOB, "--partition", f"{number}/4", "-o", url),
            range(1, 5),
        )
        assert [(each.returncode, each.stderr) for each in made] == [(0, "")] * 4
    assert run("finish", url, "-q").returncode == 0
    assert s3.digest(tmp_path.name) == tree_digest(tmp_path / "whole")


def test_an_object_that_a_stranger_puts_between_look_and_put_stays(s3: Server, prefix: str) -> None:
    looks = once(lambda: s3.put(f"{prefix}/one", b"mine"))
    store = Raced(f"s3://sets/{prefix}", looks=looks, moment="size one")
    with pytest.raises(Conflict, match="/one"):
        store.put("one", b"1")
    assert s3.read(f"{prefix}/one") == b"mine"


def test_a_put_whose_answer_is_lost_finds_its_own_object(
    fronted: Front, s3: Server, prefix: str
) -> None:
    answers: list[int] = []

    def lose_the_first(request: Request, forward: Callable[[], Answer]) -> Answer | None:
        answer = forward()
        if request.method == "PUT":
            answers.append(answer.status)
            return None if len(answers) == 1 else answer
        return answer

    fronted.rule = lose_the_first
    ObjectStore(f"s3://sets/{prefix}").put("one", b"1")
    assert answers == [200, 412]
    assert s3.read(f"{prefix}/one") == b"1"


@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidArgument")])
def test_a_store_without_conditional_puts_takes_plain_ones(
    fronted: Front, s3: Server, prefix: str, status: int, code: str
) -> None:
    fronted.rule = lambda request, forward: (
        Answer.of_error(status, code) if "If-None-Match" in request.headers else forward()
    )
    ObjectStore(f"s3://sets/{prefix}").put("one", b"1")
    assert s3.read(f"{prefix}/one") == b"1"


@dataclass(frozen=True)
class RacedFolder(LocalStore):
    """A directory in which something happens just before a set is begun in it."""

    looks: Iterator[None] = field(default_factory=lambda: iter(()), compare=False)

    def is_known_empty(self) -> bool:
        next(self.looks, None)
        return super().is_known_empty()


def test_a_whole_run_that_begins_at_the_same_moment_in_a_directory_is_asked_to_wait(
    tmp_path: Path, run: Run, job: Job
) -> None:
    others: list[Done] = []
    out = tmp_path / "out"
    looks = once(lambda: others.append(run("generate", *JOB, "-o", out)))
    assert write(job, RacedFolder(str(out), looks=looks), HERE).created == 80
    assert [(each.returncode, "in use" in each.stderr) for each in others] == [(5, True)]
    assert tree_digest(out) == tree_digest(tmp_path / "whole")


def test_a_portion_that_begins_at_the_same_moment_in_a_directory_waits_for_the_plan(
    tmp_path: Path, run: Run, job: Job
) -> None:
    out = tmp_path / "out"
    others: list[Future[Done]] = []
    with ThreadPoolExecutor(1) as pool:
        command = ("generate", *JOB, "--partition", "2/2", "-o", out)
        looks = once(lambda: others.append(pool.submit(run, *command)))
        store = RacedFolder(str(out), looks=looks)
        assert write_partition(job, store, HERE, Partition(1, 2)).created == 40
        assert [each.result().returncode for each in others] == [0]
    assert run("finish", out, "-q").returncode == 0
    assert tree_digest(out) == tree_digest(tmp_path / "whole")
