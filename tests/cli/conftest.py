"""The console and the endpoint that the tests of advice use."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.advice import GAP, Console

if TYPE_CHECKING:
    from tests.support.pixlab_endpoint import Endpoint


@pytest.fixture
def console(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Console]:
    """Give the command line, in a folder of the test's own; at the end, compare the claims."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("PIXLAB_API_KEY", "PIXELGEN_REMOTE_URL", "PIXELGEN_SERVE_KEY"):
        monkeypatch.delenv(name, raising=False)
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    made = Console(capfd)
    yield made
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for claim in getattr(request.function, "claims", ()):
        pattern = ".*?".join(map(re.escape, claim.split(GAP)))
        assert re.search(pattern, made.said, re.DOTALL), f"nothing said {claim!r}"


@pytest.fixture(scope="module")
def server() -> Iterator["Endpoint"]:
    """Run an endpoint for the tests of a process: to end it takes half a second."""
    pytest.importorskip("granian", reason="granian is not installed")
    from tests.support.pixlab_endpoint import Endpoint

    with Endpoint() as made:
        yield made
        made.shutdown()


@pytest.fixture
def endpoint(server: "Endpoint", monkeypatch: pytest.MonkeyPatch) -> "Endpoint":
    """Give the endpoint as if nobody had asked it, and the key to it."""
    monkeypatch.setenv("PIXLAB_API_KEY", "SECRETKEY-0123")
    server.fault_every, server.max_images, server.retry_after = 0, 1 << 30, 0
    server.counts.clear()
    server.request_heads.clear()
    return server
