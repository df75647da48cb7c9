"""Tests of advice: what a message says to do is done in a console, and must work."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from PIL import Image

from pixelgen.cli import main
from pixelgen.dataset.plan import JOURNAL
from pixelgen.errors import PixelgenError
from tests.support.command import COMMAND

if TYPE_CHECKING:
    from tests.support.pixlab_endpoint import Endpoint


F = TypeVar("F", bound=Callable[..., object])

GAP = "…"
DATASET = "generate -n 6 -s 8 -q -j 1 -o set"
SHARDS = "generate -n 6 -s 8 -q -j 1 --layout webdataset:per_shard=1 -o set"


def follows_advice(*claims: str) -> Callable[[F], F]:
    """Say of which messages a test shows that their advice works: it must see each of them."""

    def decorate(test: F) -> F:
        test.claims = claims  # type: ignore[attr-defined]  # the console compares them
        return test

    return decorate


@dataclass
class Console:
    """The command line, in this process, and all that it has said."""

    capture: pytest.CaptureFixture[str]
    said: str = ""
    last: str = ""

    def note(self, text: str) -> None:
        """Take down what was said."""
        self.last = text
        self.said += text

    def run(self, command: str, code: int = 0) -> str:
        """Run a command, which must end with a code; return what it says."""
        self.capture.readouterr()
        found = main(shlex.split(command))
        out, err = self.capture.readouterr()
        self.note(out + err)
        assert found == code, f"pixelgen {command}: {found}\n{self.last}"
        return self.last

    def advised(self) -> str:
        """Return the command that the last message says to run."""
        (command,) = re.findall(r"\b(?:run|or): (.+)", self.last)
        return str(command)

    def follow(self, code: int = 0) -> str:
        """Run the command that the last message says to run."""
        program, *words = shlex.split(self.advised())
        assert program == "pixelgen"
        return self.run(shlex.join(words), code)

    def process(
        self,
        command: str,
        code: int = 0,
        environment: Mapping[str, str] | None = None,
        limit: str = "true",
    ) -> str:
        """Run a command in a process of its own, under a limit that a shell sets."""
        done = subprocess.run(
            ["sh", "-c", f"{limit}; exec {shlex.quote(COMMAND)} {command}"], check=False,
            capture_output=True, text=True, env=os.environ | dict(environment or {}), timeout=120,
        )  # fmt: skip
        self.note(done.stdout + done.stderr)
        assert done.returncode == code, f"pixelgen {command}: {done.returncode}\n{self.last}"
        return self.last

    def verified(self, place: str = "set") -> None:
        """See that a dataset is complete and whole."""
        self.run(f"verify {shlex.quote(place)} -q -j 1")


def remote(endpoint: "Endpoint", more: str = "") -> str:
    return f"generate --remote --remote-url {endpoint.url} -n 3 -s 64x48 -q -o set {more}"


def unfinish(place: str = "set") -> None:
    """Leave a dataset as a run that was killed just before its end does."""
    Path(place, "metadata.jsonl").unlink()
    Path(place, JOURNAL).touch()


def photos(*sides: int) -> Path:
    """Make a folder of images."""
    folder = Path("photos")
    folder.mkdir()
    for number, side in enumerate(sides):
        Image.new("RGB", (side, side), (number, 9, 9)).save(folder / f"{number}.png")
    return folder


def spoil(path: Path) -> None:
    """Change a byte of a file."""
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def refused(console: Console, call: Callable[[], object]) -> None:
    """See a call refused, and take down what it says."""
    with pytest.raises(PixelgenError) as caught:
        call()
    console.note(str(caught.value))
