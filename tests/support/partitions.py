"""Runs that make a partition of a dataset each."""

from collections.abc import Callable
from pathlib import Path

from tests.support.command import Done
from tests.support.faults import finish

Make = Callable[..., Done]

JOB = ("-n", 200, "-s", 48, "--layout", "webdataset:per_shard=10", "-q")
SLOW = ("-n", 80, "-s", 512, "--family", "gradient", "-j", 1, "-q")


def partition(out: Path, number: int, job: tuple[object, ...] = JOB, total: int = 4) -> Done:
    return finish(out.parent, "generate", *job, "--partition", f"{number}/{total}", "-o", out.name)
