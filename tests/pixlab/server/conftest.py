"""A server that the tests share which change nothing about it."""

from collections.abc import Iterator

import pytest

from tests.support.serving import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("serve")) as server:
        yield server
