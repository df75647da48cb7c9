"""The record of sources: which files it may name."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from pixelgen.cli import main
from tests.support.command import Run

ROW = {"source": "photos", "file_name": "a.png", "sha256": "0" * 64, "width": 64, "height": 64}


@pytest.mark.parametrize(
    "change",
    [
        {"file_name": "../a.png"},
        {"file_name": "/etc/passwd"},
        {"file_name": "b/../../a.png"},
        {"file_name": "./a.png"},
        {"file_name": "a\x00.png"},
        {"file_name": "a\x1b[2J.png"},
        {"file_name": 1},
        {"sha256": "0"},
        {"sha256": 0},
        {"width": 0},
        {"width": True},
        {"height": 1 << 31},
        {"source": "/"},
        {"source": []},
    ],
)
def test_a_source_record_names_only_files_below_the_folder(
    change: dict[str, object], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "photos/a.png")
    family = ("--family", "pixel_shuffle:source=photos")
    assert run("generate", "-n", 1, "-s", 8, *family, "-o", "set").returncode == 0
    (tmp_path / "set/sources.jsonl").write_text(json.dumps(ROW | change) + "\n")
    for deep in ((), ("--deep",)):
        done = run("verify", "set", *deep)
        assert done.returncode == 3
        assert re.search(r"sources\.jsonl\b.* damaged", done.stderr)


SHUFFLED = (
    "generate", "-n", "8", "-s", "8", "-q", "-o", "set",
    "--family", "pixel_shuffle:source=photos",
)  # fmt: skip


def test_a_truncated_source_record_is_one_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for name in "abc":
        Image.new("RGB", (16, 16)).save(f"photos/{name}.png")
    assert main(SHUFFLED) == 0
    path = Path("set/sources.jsonl")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    capfd.readouterr()

    assert main(("verify", "set", "-q", "-j", "1")) == 3
    damage = "sources.jsonl: it lists other images than the plan was made with\n"
    assert capfd.readouterr().out == damage
