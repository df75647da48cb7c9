"""The functions that run in a Dask worker, after its versions were checked."""

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

_task_lock = threading.Lock()  # one task at a time: the image maker reuses its buffers

Versions: TypeAlias = tuple[tuple[str, str], ...]
"""The packages that pixels and bytes depend on, each with its version."""


@lru_cache(maxsize=1)
def versions() -> Versions:
    """Return the versions of the packages that pixels and bytes depend on."""
    import numpy as np
    import PIL

    return (("pixelgen", __version__), ("numpy", np.__version__), ("Pillow", PIL.__version__))


def apply_task(wanted: Versions, payload: bytes, task: bytes) -> Any:
    """Return the result of a pickled task, by the function in the payload."""
    with _task_lock:
        return load_function(wanted, payload)(pickle.loads(task))  # noqa: S301 – sent by the client


def prepare_worker(wanted: Versions, payload: bytes) -> None:
    """Raise PixelgenError if this worker cannot be used."""
    load_function(wanted, payload)


def list_tasks(dask_worker: "Worker") -> tuple[list[str], list[str]]:
    """Return the keys of the tasks that a worker executes, and of those that wait there."""
    state = dask_worker.state
    return [str(task.key) for task in state.executing], [str(task.key) for task in state.ready]


@lru_cache(maxsize=1)
def load_function(wanted: Versions, payload: bytes) -> Callable[[Any], Any]:
    """Return the function in a payload; raise PixelgenError if this worker cannot be used."""
    for (name, version), (_, here) in zip(wanted, versions(), strict=True):
        if here != version:
            raise PixelgenError(
                f"has {name} {here}, but this machine has {version}: pixels or bytes might differ;"
                " install the same versions everywhere"
            )
    keep_memory()
    function, check = pickle.loads(payload)  # noqa: S301 – sent by the client
    if check:
        check()
    loaded: Callable[[Any], Any] = function
    return loaded
