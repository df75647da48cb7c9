"""The code that mixes at run time is run, with the libraries that it imports."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelgen.cli import main
from tests.support.user_datasets import QUICK, TWO, huggingface, imagefolder, voc


def mixed(code: str) -> Any:
    """Run printed code; return what it mixes."""
    for line in code.splitlines():
        if line.startswith("import "):
            for name in line.removeprefix("import ").split(", "):
                if importlib.util.find_spec(name) is None:
                    pytest.skip(f"{name} is not installed")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 – our own
    return names["mixed"]


def code_of(said: str) -> str:
    return said.partition("run time\n")[2]


@pytest.mark.parametrize("split", ["", "--split train=0.5,val=0.5"])
def test_a_hugging_face_folder(split: str, own: Path, command: Callable[..., str]) -> None:
    huggingface(own, TWO)
    command(f"generate {QUICK} -n 4 {split} --beside own -o neg")
    rows = mixed(code_of(command("merge neg --into own")))
    negatives = 2 if split else 4
    assert len(rows) == 9 + negatives
    assert rows.features["label"].names == [*sorted(TWO), "negatives"]
    assert [row["label"] for row in rows] == [1 - n % 2 for n in range(9)] + [2] * negatives
    assert {row["image"].size for row in rows} == {(40, 40)}


def test_an_imagefolder(own: Path, command: Callable[..., str]) -> None:
    imagefolder(own, TWO)
    command(f"generate {QUICK} -n 4 --beside own -o neg")
    data = mixed(code_of(command("merge neg --into own")))
    assert [label for _, label in data] == [0] * 4 + [1] * 5 + [2] * 4


def test_a_voc_folder(own: Path, command: Callable[..., str]) -> None:
    voc(own / "VOCdevkit/VOC2007", TWO)
    command(f"generate {QUICK} -n 4 --beside own -o neg")
    data = mixed(code_of(command("merge neg --into own")))
    assert [len(target["annotation"]["object"]) for _, target in data] == [1] + [0] * 4
    voc(own.parent / "plain", TWO)
    assert "VOCdevkit" in command("merge neg --into plain", 2)


@pytest.mark.cli
@pytest.mark.parametrize("split", ["", "--split train=0.5,val=0.5"])
def test_shards(split: str, own: Path, command: Callable[..., str]) -> None:
    layout = "--layout webdataset:per_shard=2"
    assert main(f"generate {QUICK} -n 6 {layout} --prefix own_ -o own".split()) == 0
    command(f"generate {QUICK} -n 4 {split} {layout} -o neg")
    pytest.importorskip("webdataset", reason="webdataset is not installed")
    code = code_of(command("merge neg --into own"))
    code += "print(*(sample['__key__'] for sample in mixed))"
    argv = [sys.executable, "-c", code]  # a process of its own: webdataset closes no file
    keys = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
    assert sorted(key for key in keys if key.startswith("own_")) == [
        f"own_{n:06d}" for n in range(6)
    ]
    rest = sorted(key for key in keys if not key.startswith("own_"))
    assert rest == [f"{n:06d}" for n in range(2 if split else 4)]


def test_another_layout_is_refused(own: Path, command: Callable[..., str]) -> None:
    imagefolder(own, TWO)
    command(f"generate {QUICK} -n 4 --layout files -o neg")
    said = command("merge neg --into own", 2)
    assert "--layout imagefolder" in said
