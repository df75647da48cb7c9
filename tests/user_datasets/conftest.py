"""Fixtures of the tests of the user's datasets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pixelgen.cli import main
from tests.support.user_datasets import digests


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder for a dataset, in the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


@pytest.fixture
def command(own: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command line; return what it says. The files that are there stay what they are."""

    def run(text: str, code: int = 0) -> str:
        before = digests(own.parent)
        found = main(text.split())
        said = "".join(reversed(capfd.readouterr()))
        assert found == code, said
        assert code == 0 or len(said.splitlines()) == 1, said
        assert digests(own.parent).items() >= before.items()
        return said

    return run
