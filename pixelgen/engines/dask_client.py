"""Connecting to a Dask cluster, or starting one, and the process-wide configuration of Dask."""

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
from pixelgen.errors import PixelgenError, install_extra

if TYPE_CHECKING:
    from distributed import Client

_TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGHUP)
_CONNECT_TIMEOUT = 10.0  # seconds
_SILENT_LOGGERS = (
    "distributed", "distributed.client", "distributed.scheduler", "distributed.worker",
    "distributed.nanny", "bokeh", "tornado", "tornado.application",
)  # fmt: skip


@contextmanager
def connect(scheduler: str, jobs: int) -> "Iterator[Client]":
    """Connect to a scheduler; without an address, run one with ``jobs`` workers meanwhile."""
    client_class = _import_client()
    address = _read_address(scheduler) if scheduler.startswith("/") else scheduler
    cluster = {
        "n_workers": jobs, "threads_per_worker": 1, "silence_logs": logging.CRITICAL,
        "dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False},
    }  # fmt: skip
    target = {"address": address, "timeout": _CONNECT_TIMEOUT} if address else cluster
    try:
        # Only this process handles the signals of the terminal, not its threads and workers. The
        # tracker starts first, because a thread that starts it would unblock signals.
        _start_tracker()
        with block_signals(_TERMINAL_SIGNALS):
            client = client_class(**target, set_as_default=False)
    except (OSError, TypeError, ValueError) as error:  # the latter two if certificates are missing
        raise PixelgenError(
            f"cannot reach the Dask scheduler {address or 'on this machine'}: {error}; check that"
            " it runs and that its port is open, and for tls that DASK_DISTRIBUTED__COMM__TLS__…"
            " name the files"
        ) from None
    with client:
        yield client


def _start_tracker() -> None:
    """Start the process that removes semaphores of killed processes, without its warnings."""
    sys.warnoptions.append("ignore::UserWarning:multiprocessing.resource_tracker")
    try:
        with block_signals(_TERMINAL_SIGNALS):
            resource_tracker.ensure_running()
    finally:
        sys.warnoptions.pop()


def _read_address(path: str) -> str:
    """Return the address in the file of a scheduler."""
    try:
        return str(json.loads(Path(path).read_text())["address"])
    except OSError as error:
        raise PixelgenError(
            f"cannot read {path}: {error.strerror}; start 'dask scheduler --scheduler-file {path}',"
            " which writes it"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise PixelgenError(
            f"invalid scheduler file {path}: must be as 'dask scheduler --scheduler-file' writes it"
        ) from None


def _import_client() -> "type[Client]":
    """Import Dask, silence its logs and return its client class."""
    try:
        _configure_dask()
        from distributed import Client
    except ImportError:
        raise PixelgenError(f"this engine needs Dask; {install_extra('dask')}") from None
    return Client


def _configure_dask() -> None:
    """Set Dask's configuration of this process; it is read when ``distributed`` is imported."""
    import dask

    dask.config.set({"logging": dict.fromkeys(_SILENT_LOGGERS, "critical")})
