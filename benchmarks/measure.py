"""Run commands as whole processes, and note what each took."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Usage

PIXELGEN = str(Path(sys.executable).with_name("pixelgen"))
PEERS = Path(__file__).with_name("peers")
NOWHERE = Path(os.devnull)
_UNCOMPILED = "PYTHONDONTWRITEBYTECODE"


def generated(scratch: str, *options: object) -> Usage:
    """Make a dataset in a fresh directory, with everything synced before, and delete it."""
    with tempfile.TemporaryDirectory(dir=scratch or None) as out:
        os.sync()
        words = map(str, options)
        return timed([PIXELGEN, "generate", "-q", *words, "-o", f"{out}/set"])


def timed(argv: list[str], stdout: Path = NOWHERE, expected: int = 0) -> Usage:
    """Run a command to its end, start-up included; its standard output goes to a file."""
    # An editable install would be compiled afresh at each start.
    compiled = {name: each for name, each in os.environ.items() if name != _UNCOMPILED}
    with stdout.open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, env=compiled)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()  # or it would go on writing where it is being deleted
            raise
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        sys.exit(f"exit code {process.returncode} of {' '.join(argv)}")
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def cpu_of(pid: int) -> float:
    """Return the CPU time that a running process has taken, in seconds."""
    return time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) does, which Python lacks


def list_sizes(root: Path, file: Path) -> None:
    """Write the sizes of the files below a directory, as ``peers/raw.py`` wants them."""
    sizes = (path.stat().st_size for path in sorted(root.rglob("*")) if path.is_file())
    file.write_text("".join(f"{size}\n" for size in sizes))
