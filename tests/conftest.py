"""What tests share: the command as users run it, and the digest of a tree."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from pixelgen.engines.machine import cores
from tests.support.command import COMMAND, Done, Run

# Under nohup the programs that tests start would not hear a hangup either.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_xdist_auto_num_workers() -> int:
    """Have one more worker than cores: tests wait a good part of their time."""
    return cores() + 1


def pytest_report_header(config: pytest.Config) -> str:
    """Say which tests are left out, and how to run them."""
    wanted = config.option.markexpr
    return f"tests: {wanted} (all of them: -m '')" if wanted else "tests: all of them"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that run the command by a fixture."""
    for item in items:
        if {"run", "make", "server", "sets", "offline"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.cli)


_programs: list[str] = []  # that the test of this process has started: hooks cannot be removed


def _note_program(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen":
        _programs.append(str(arguments[0]))


sys.addaudithook(_note_program)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Fail a test that starts a program and is not marked so."""
    _programs.clear()
    result = yield
    marks = {mark.name for mark in pyfuncitem.iter_markers()}
    if _programs and not marks & {"cli", "faults", "engine", "browser", "heavy"}:
        pytest.fail(f"starts {_programs[0]}: mark the test with cli")
    return result


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
