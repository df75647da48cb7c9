"""A server for the tests of a process, and a place of its own in it for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelgen.storage.fsspec_clients import open_client
from tests.support.s3_front import Front, front
from tests.support.s3_server import Server, s3_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("s3fs", reason="the extra 's3' is not installed")
    pytest.importorskip("moto", reason="a server: moto is not installed")
    with s3_server(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture
def s3(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Give the server, to whose keys the environment of commands is set."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def fronted(s3: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """Give a front of the server, which commands and stores of this process then use."""
    with front(s3.proxy.port) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port}")
        forget_clients()
        yield made
    forget_clients()


def forget_clients() -> None:
    """Have this process read the environment again for its next client."""
    from fsspec import get_filesystem_class

    open_client.cache_clear()
    get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return tmp_path.name
