"""What an injection needs, tried for real once a run."""

import shutil
import subprocess

import pytest


@pytest.fixture(scope="session")
def strace() -> str:
    """Return the path of strace, once it was seen to make a call fail and to kill; or skip."""
    path = shutil.which("strace")
    if path is None:
        pytest.skip("failing calls: strace is not installed")
    injected = [path, "-f", "-qq", "-o", "/dev/null", "-e", "trace=mkdir"]
    for option, fault, code in ("--seccomp-bpf", "error=EIO", 1), ("-f", "signal=KILL", -9):
        command = [*injected, option, "-e", f"inject=mkdir:{fault}", "mkdir", "/"]
        tried = subprocess.run(command, check=False, capture_output=True, text=True)
        if tried.returncode != code or (code == 1 and "Input/output error" not in tried.stderr):
            pytest.skip(f"{fault} by strace: no right to trace processes ({tried.stderr.strip()})")
    return path
