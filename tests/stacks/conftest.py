"""What the stacks' tests share: the folder they work in, and the call that is printed."""

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.command import ROOT, Done
from tests.support.pages import blocks

Levels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in the test's folder, as the command does: the calls it prints name the set from it."""
    monkeypatch.chdir(tmp_path)


def printed(done: Done, beginning: str) -> str:
    """Return the one call of those printed that begins so."""
    calls = re.findall(r"^load it: (.+)$", done.stderr, re.MULTILINE)
    (call,) = (call for call in calls if call.startswith(beginning))
    return str(call)


def load(done: Done, module: str, *others: str, more: str = "") -> Any:
    """Do what the command says: import a module, and make the call of it that was printed.

    ``others`` are imported besides, and ``more`` is added to the arguments.
    """
    top, _, _ = module.partition(".")
    names = {name.partition(".")[0] for name in (module, *others)}
    for name in (module, *others):
        importlib.import_module(name)
    scope = {name: importlib.import_module(name) for name in names}
    call = printed(done, f"{top}.")
    return eval(f"{call[:-1]}, {more})" if more else call, scope)  # noqa: S307


def run_file_of_page(name: str) -> dict[str, Any]:
    """Run the file of a name that the page on trainers shows, and return what it defines."""
    texts = [block.text for block in blocks(ROOT / "docs/trainers.md")]
    (text,) = (each for each in texts if each.startswith(f"# {name}\n"))
    scope: dict[str, Any] = {}
    exec(text, scope)  # noqa: S102
    return scope


def levels(image: Image.Image) -> Levels:
    """Return the levels of a picture, which must be one of three channels."""
    assert image.mode == "RGB"
    return np.asarray(image)
