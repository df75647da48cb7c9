"""Datasets that another version made: their images are never called damaged, and stay."""

import re
import shutil
from pathlib import Path

import pytest

from pixelgen.cli import main
from pixelgen.families.pointwise import Gaussian, Uniform
from tests.support.upgrades import COMMANDS, contents


@pytest.mark.parametrize("command", ["repair", "deep repair", "deep verify"])
def test_images_of_another_version_are_reported_as_such_and_kept(
    command: str,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(finished, tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Uniform, "version", 2)
    before = contents(Path("set"))
    code = main(COMMANDS[command])

    assert code == 3
    said = capfd.readouterr().err
    assert "version" in said
    assert re.search(r"uniform/1\b.*uniform/2\b", said)
    assert "damaged" not in said
    assert contents(Path("set")) == before


def test_images_whose_pixels_changed_without_a_new_version_are_not_repaired(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Uniform, "render", Gaussian().render)
    before = contents(Path("set"))

    assert main(COMMANDS["repair"]) == 3
    assert contents(Path("set")) == before
