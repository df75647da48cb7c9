"""A Dask cluster on loopback: a scheduler and workers, each in a process group of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from tests.support.dask_inside import count_tasks
from tests.support.faults import wait_for

Process = subprocess.Popen[bytes]
DASK = str(Path(sys.executable).with_name("dask"))
ROOT = str(Path(__file__).parents[2])


class Cluster:
    """A scheduler, with as many workers as are started; all are killed at the end."""

    def __init__(self, folder: Path, stack: ExitStack, environment: Mapping[str, str]) -> None:
        self.file = folder / "scheduler.json"
        self._folder = folder
        self._stack = stack
        self.environment = environment
        self.scheduler = self._start("scheduler", "--port", "0", environment=environment)
        # The scheduler makes the file before it writes into it.
        assert wait_for(lambda: self.file.exists() and self.file.stat().st_size > 0, 120)
        self.workers: list[Process] = []

    @property
    def engine(self) -> str:
        return f"dask://{self.file}"

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])

    def await_tasks(self) -> None:
        """Wait until the scheduler knows of a task."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            assert wait_for(lambda: client.run_on_scheduler(count_tasks) > 0, 120)

    def connections(self, number: int) -> int:
        """Return how many connections to a worker there are, of those it does not answer too."""
        log = (self._folder / f"worker-{number}.log").read_text()
        (port,) = re.findall(r"Start worker at:.*:(\d+)$", log, re.MULTILINE)
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        wanted = f"0100007F:{int(port):04X}"
        return sum((here, state) == (wanted, "01") for _, here, _, state, *_ in rows)

    def start_worker(
        self, environment: Mapping[str, str], threads: int = 1, under: Sequence[str] = ()
    ) -> Process:
        """Start a worker under a nanny (and both under another command); wait until it works."""
        number = len(self.workers)
        log = self._folder / f"worker-{number}.log"
        local = ["--local-directory", str(self._folder), "--nworkers", "1"]
        worker = self._start(
            "worker",
            *local,
            "--nthreads",
            str(threads),
            log=log,
            under=under,
            environment=environment,
        )
        self.workers.append(worker)
        assert wait_for(lambda: b"Starting established connection" in log.read_bytes(), 120), (
            log.read_text()
        )
        return worker

    def _start(
        self,
        what: str,
        *options: str,
        log: Path | None = None,
        under: Sequence[str] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> Process:
        protocol = environment.get("PROTOCOL", "tcp")
        file = [
            "--protocol",
            protocol,
            "--scheduler-file",
            str(self.file),
            "--host",
            "127.0.0.1",
            "--no-dashboard",
        ]
        with (log or self._folder / "scheduler.log").open("wb") as output:
            process = subprocess.Popen(
                [*under, DASK, what, *file, *options],
                stdout=output,
                stderr=output,
                cwd=self._folder,
                env=os.environ | {"PYTHONPATH": ROOT, **environment},
                start_new_session=True,
            )
        self._stack.callback(end, process)
        return process


def end(process: Process) -> None:
    """Kill a process and all that it has started, and see it end."""
    kill(process)
    process.wait(120)


def kill(process: Process) -> None:
    """Kill a process and all that it has started: of a worker, the nanny too."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def cluster(folder: Path, workers: int, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """Start a scheduler and workers."""
    folder.mkdir()
    with ExitStack() as stack:
        made = Cluster(folder, stack, environment)
        for _ in range(workers):
            made.start_worker(environment)
        yield made
