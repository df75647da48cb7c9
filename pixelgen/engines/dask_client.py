"""How pixelgen connects to a Dask cluster, or starts one, without a word from Dask itself."""

import json
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

from pixelgen.engines.machine import block_signals
from pixelgen.errors import PixelgenError

if TYPE_CHECKING:
    from distributed import Client

_OF_TERMINAL = (signal.SIGINT, signal.SIGHUP)
_CONNECT = 10.0  # seconds that a scheduler may take to answer
_QUIET = ("distributed", "distributed.client", "distributed.scheduler", "distributed.worker",
          "distributed.nanny", "bokeh", "tornado", "tornado.application")  # fmt: skip


@contextmanager
def connect(scheduler: str, jobs: int) -> "Iterator[Client]":
    """Connect to a scheduler, or start one with so many workers for as long as it is needed."""
    client = _quiet_client()
    address = _address_in(scheduler) if scheduler.startswith("/") else scheduler
    cluster = {
        "n_workers": jobs, "threads_per_worker": 1, "silence_logs": logging.CRITICAL,
        "dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False},
    }  # fmt: skip
    where = {"address": address, "timeout": _CONNECT} if address else cluster
    try:
        # What a terminal sends is this process's alone to hear, not its threads' and workers'. The
        # tracker comes first, because a thread that started it would let signals in again.
        _start_tracker()
        with block_signals(_OF_TERMINAL):
            connected = client(**where, set_as_default=False)
    except (OSError, TypeError, ValueError) as error:  # the latter two of a lack of certificates
        raise PixelgenError(
            f"cannot reach the Dask scheduler {address or 'begun here'}: {error}; see that it runs,"
            " that its port is open, and for tls that DASK_DISTRIBUTED__COMM__TLS__… name the files"
        ) from None
    with connected:
        yield connected


def _start_tracker() -> None:
    """Start what removes the semaphores of killed processes; it is to do so without a word."""
    sys.warnoptions.append("ignore::UserWarning:multiprocessing.resource_tracker")
    try:
        with block_signals(_OF_TERMINAL):
            resource_tracker.ensure_running()
    finally:
        sys.warnoptions.pop()


def _address_in(path: str) -> str:
    """Return the address that a scheduler has written into its file."""
    try:
        return str(json.loads(Path(path).read_text())["address"])
    except OSError as error:
        raise PixelgenError(
            f"cannot read {path}: {error.strerror}; 'dask scheduler --scheduler-file {path}' writes"
            " it when it starts"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise PixelgenError(f"{path} is no file of a Dask scheduler") from None


def _quiet_client() -> "type[Client]":
    """Import Dask, which is told to leave the terminal to us."""
    try:
        import dask

        dask.config.set({"logging": dict.fromkeys(_QUIET, "critical")})
        from distributed import Client
    except ImportError:
        raise PixelgenError(
            "this engine needs Dask: python -m pip install 'pixelgen[dask]'"
        ) from None
    return Client
