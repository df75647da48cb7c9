"""What tests have schedulers and workers do; workers are paused when memory is nearly full."""

import fcntl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Scheduler, Worker

NEVER_BY_THEMSELVES = {"DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "False"}


def count_tasks(dask_scheduler: "Scheduler") -> int:
    return len(dask_scheduler.tasks)


def set_status(name: str, dask_worker: "Worker") -> None:
    from distributed.core import Status

    dask_worker.status = Status[name]


def pause_own_worker(until: Path) -> Path:
    """Pause the worker of this task, which goes on until a file's lock is free."""
    from distributed import get_worker

    worker = get_worker()
    worker.loop.add_callback(set_status, "paused", worker)
    with until.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
    return until
