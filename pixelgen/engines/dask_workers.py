"""What a Dask worker runs: tasks, once its pixelgen was seen to be the one that sent them."""

import pickle
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from pixelgen import __version__
from pixelgen.engines.machine import keep_memory
from pixelgen.errors import PixelgenError

if TYPE_CHECKING:
    from distributed import Worker

_one_at_a_time = threading.Lock()  # what makes images keeps its buffers from one to the next

Versions: TypeAlias = tuple[tuple[str, str], ...]
"""The names of what pixels and bytes hang on, each with its version."""


@lru_cache(maxsize=1)
def versions() -> Versions:
    """Return the versions of what the bytes hang on everywhere."""
    import numpy as np
    import PIL

    return (("pixelgen", __version__), ("numpy", np.__version__), ("Pillow", PIL.__version__))


def apply_task(wanted: Versions, order: bytes, task: bytes) -> Any:
    """Return the result of a task, by the function of an order."""
    with _one_at_a_time:
        return load_function(wanted, order)(pickle.loads(task))  # noqa: S301 – sent by the client


def prepare_worker(wanted: Versions, order: bytes) -> None:
    """Raise PixelgenError unless this worker is fit for an order."""
    load_function(wanted, order)


def list_tasks(dask_worker: "Worker") -> tuple[list[str], list[str]]:
    """Return the keys of what a worker has begun, and of what waits there."""
    state = dask_worker.state
    return [str(task.key) for task in state.executing], [str(task.key) for task in state.ready]


@lru_cache(maxsize=1)
def load_function(wanted: Versions, order: bytes) -> Callable[[Any], Any]:
    """Return the function of an order, once this worker was seen to be fit for it."""
    for (name, version), (_, here) in zip(wanted, versions(), strict=True):
        if here != version:
            raise PixelgenError(
                f"has {name} {here}, and the command has {version}: other pixels, or other bytes,"
                " might come of it; install the same versions everywhere"
            )
    keep_memory()
    function, check = pickle.loads(order)  # noqa: S301 – sent by the client
    if check:
        check()
    made: Callable[[Any], Any] = function
    return made
