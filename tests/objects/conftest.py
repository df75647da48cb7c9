"""A server for the tests of a process, and a place of its own in it for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.objects.server import Server, s3_server


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
def prefix(tmp_path: Path) -> str:
    return tmp_path.name
