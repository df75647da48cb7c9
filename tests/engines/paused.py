"""Workers that take no tasks, as those do whose memory is nearly full."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Worker

NEVER_BY_THEMSELVES = {"DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "False"}


def set_status(name: str, dask_worker: "Worker") -> None:
    from distributed.core import Status

    dask_worker.status = Status[name]


def pause_own_worker(seconds: float) -> float:
    """Pause the worker of this task, which goes on for a while."""
    from distributed import get_worker

    worker = get_worker()
    worker.loop.add_callback(set_status, "paused", worker)
    time.sleep(seconds)
    return seconds
