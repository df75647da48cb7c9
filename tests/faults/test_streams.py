"""Closed and full streams, and readers that go away: no traceback, and documented exit codes."""

import re
from pathlib import Path

import pytest

from tests.support.command import COMMAND
from tests.support.surroundings import (
    CODES,
    COMMANDS,
    MAIN,
    RESULTS,
    assert_datasets,
    assert_no_traceback,
    shell,
)

pytestmark = pytest.mark.faults


STREAMS = {
    "no stdout": (">&-", False),
    "no stderr": ("2>&-", True),
    "no stream at all": ("<&- >&- 2>&-", False),
    "stdout full": (">/dev/full", False),
    "stderr full": ("2>/dev/full", True),
    "stdin closed": ("<&-", True),
}
SILENT = ("verify", "a mistake")  # nothing is printed on stdout, so a full one does no harm


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("kind", MAIN)
def test_closed_and_full_streams_end_as_documented(
    workspace: Path, intact: Path, kind: str, streams: str
) -> None:
    redirection, is_heard = STREAMS[streams]
    done = shell(workspace, f"{COMMAND} {COMMANDS[kind]} {redirection}")
    code = CODES.get(kind, 0)
    if "full" in redirection.partition("2>")[0] and ">" in redirection.partition("2>")[0]:
        assert done.returncode != 0 or kind in SILENT, "the result was lost, and exit was 0"
        code = code or (0 if kind in SILENT else 1)
        assert done.returncode in {code, 1}, done.stderr
    else:
        assert done.returncode == code, done.stderr
    assert_no_traceback(done)
    if is_heard:
        assert re.fullmatch(RESULTS[kind], done.stdout.decode(errors="replace")), done.stdout
    assert_datasets(workspace, intact, kind, done.returncode)


@pytest.mark.parametrize("kind", MAIN)
def test_a_closed_stdout_pipe_is_141_or_not_noticed(
    workspace: Path, intact: Path, kind: str
) -> None:
    done = shell(
        workspace, f"{COMMAND} {COMMANDS[kind]} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    )

    assert done.returncode in (141, CODES.get(kind, 0)), done.stderr
    assert_no_traceback(done)
    assert_datasets(workspace, intact, kind, done.returncode)


@pytest.mark.parametrize("kind", ["generate", "verify", "preview", "list", "a mistake"])
def test_a_closed_stderr_pipe_does_no_harm(workspace: Path, intact: Path, kind: str) -> None:
    done = shell(workspace, f"({COMMAND} {COMMANDS[kind]} >out; echo $? >code) 2>&1 | true")

    assert (workspace / "code").read_text().strip() in (str(CODES.get(kind, 0)), "141")
    assert_no_traceback(done)
    assert_datasets(workspace, intact, kind, 0)
