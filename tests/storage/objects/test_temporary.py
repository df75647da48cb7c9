"""Temporary files: nothing is left of them, however a process ends."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pixelgen.errors import PixelgenError
from pixelgen.storage import open_store
from tests.support.dask_cluster import ROOT
from tests.support.s3_front import Answer, Front, Request
from tests.support.s3_server import Server

pytestmark = pytest.mark.engine

# Each sends an object that is in a temporary file; the first is too large for memory.
CALLS = {
    "put": "store.put('object', (bytes(1 << 20) for _ in range(257)))",
    "publish": "store.publish(store.stage('object', (bytes(1 << 20) for _ in range(3))))",
    "append": "with store.log('.pixelgen.log') as log: log.append(bytes(1 << 20)); log.flush()",
}


@pytest.mark.parametrize("call", CALLS)
def test_a_process_killed_while_it_sends_leaves_no_temporary_file(
    fronted: Front, prefix: str, tmp_path: Path, call: str
) -> None:
    sent, killed = threading.Event(), threading.Event()

    def hold(request: Request, forward: Callable[[], Answer]) -> Answer | None:
        if request.method != "PUT" or not request.body:
            return forward()
        sent.set()
        killed.wait(120)
        return None

    fronted.rule = hold
    folder = tmp_path / "temporary"
    folder.mkdir()
    code = "\n".join(
        (
            "from pixelgen.storage import open_store",
            f"store = open_store('s3://sets/{prefix}')",
            CALLS[call],
        )
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(folder), "PYTHONPATH": ROOT},
    ) as process:
        try:
            assert sent.wait(120)
        finally:
            process.kill()
        process.wait(60)
    killed.set()
    assert list(folder.iterdir()) == []


def test_what_is_staged_is_gone_when_it_cannot_be_published(
    fronted: Front, s3: Server, prefix: str
) -> None:
    store = open_store(f"s3://sets/{prefix}")
    staged = store.stage("object", b"one")
    fronted.rule = lambda *_: Answer.of_error(403, "AccessDenied")
    with pytest.raises(PixelgenError, match="credentials"):
        store.publish(staged)
    assert staged.file is not None
    assert staged.file.closed
    assert s3.names(prefix) == []


def test_a_full_temporary_folder_is_one_line(
    fronted: Front, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill() -> Iterator[bytes]:
        yield b"one"
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        yield bytes(1 << 20)

    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(PixelgenError, match="File too large"):
            open_store(f"s3://sets/{prefix}").stage("object", fill())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
