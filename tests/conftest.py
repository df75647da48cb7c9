"""What tests share: the command as users run it, and the digest of a tree."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from pixelgen.engines.machine import cores

# Under nohup the programs that tests start would not hear a hangup either.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


COMMAND = str(Path(sys.executable).with_name("pixelgen"))

# Tells a command's CPU seconds and peak in KiB in a last line of stdout. Run by a small
# interpreter of its own, since a process begins with the peak of the one it left.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"\\n{used.ru_utime + used.ru_stime} {used.ru_maxrss}", end="")
sys.exit(code)
"""

Done = subprocess.CompletedProcess[str]


def pytest_xdist_auto_num_workers() -> int:
    """Have one more worker than cores: tests wait a good part of their time."""
    return cores() + 1


class Run(Protocol):
    """Run the command in a process of its own."""

    def __call__(self, *arguments: object, **environment: str) -> Done: ...


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``pixelgen`` with arguments, in the test's folder, with additional environment."""

    def run(*arguments: object, **environment: str) -> Done:
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            check=False,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            cwd=tmp_path,
            env=os.environ | environment,
            timeout=120,
        )

    return run


@pytest.fixture
def make(run: Run) -> Callable[..., Done]:
    """Run ``pixelgen generate``, which must succeed."""

    def make(*arguments: object, **environment: str) -> Done:
        done = run("generate", *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done

    return make


def tree_digest(root: Path) -> str:
    """Return one SHA-256 of the names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if not path.is_dir():
            digest.update(f"{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
