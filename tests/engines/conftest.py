"""Workers for the tests of a process: to start two of them takes longer than most tests do."""

from collections.abc import Iterator

import pytest

from tests.support.dask_cluster import ROOT, Cluster, cluster
from tests.support.dask_counted import DRAWN


@pytest.fixture(scope="session")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("lasting")
    variables = {DRAWN: str(folder / "drawn"), "PYTHONPATH": ROOT}
    with cluster(folder / "dask", 2, variables) as made:
        yield made


@pytest.fixture
def shared(lasting: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Give two workers that no test kills or pauses, whose environment is set for commands."""
    for name, value in lasting.environment.items():
        monkeypatch.setenv(name, value)
    return lasting
