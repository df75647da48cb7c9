"""What is measured: each row is a job of pixelgen's beside the code that it replaces."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from benchmarks.measure import PEERS, PIXELGEN

_PLAIN = ("--durability", "none", "--checksum", "none")  # what the peers do
_TWO = (*_PLAIN, "-j", "2")
_TAR = ("--layout", "tar:per_shard=1000")


@dataclass(frozen=True)
class Command:
    """A command line, in whose words {n}, {size}, {out} and {sizes} are filled in.

    {sizes} is a file that tells the sizes of those that pixelgen has just written.

    ``suffix`` is that of the files it leaves, ``stdout`` the file that takes its standard output,
    ``missing`` the program or module without which it cannot run.
    """

    argv: tuple[str, ...]
    suffix: str = ""
    stdout: str = ""
    missing: str = ""


@dataclass(frozen=True)
class Row:
    """A comparison, with the figures to reach: how many times as fast as the peer pixelgen is.

    Without a peer they are the MiB that its largest process may take.
    """

    name: str
    count: int
    size: int
    ours: Command
    peer: Command | None
    must: float | None = None
    stretch: float | None = None

    @property
    def work(self) -> str:
        """Tell what is made."""
        return f"{self.count:,} of {self.size}x{self.size}" if self.size else "nothing"

    @property
    def volume(self) -> int:
        """The bytes of the pixels; no file here is much larger."""
        return self.count * self.size**2 * 3


def generate(*options: str, suffix: str = ".png") -> Command:
    """Return pixelgen's command."""
    job = ("generate", "-q", "-n", "{n}", "-s", "{size}", "-o", "{out}")
    return Command((PIXELGEN, *job, *options), suffix)


_ONE = ("generate", "-n", "1", "-s", "{size}", "-o", "-")
SINGLE = Command((PIXELGEN, *_ONE), ".png", stdout="image.png")


def script(name: str, *more: str, suffix: str = ".png", needs: str = "PIL") -> Command:
    """Return the command of a peer in Python."""
    argv = (sys.executable, str(PEERS / name), "{n}", "{size}", "{out}", *more)
    return Command(argv, suffix, missing="" if find_spec(needs) else needs)


def naive(suffix: str = ".png", *quality: str) -> Command:
    """Return the command of the loop over ``Image.save``."""
    return script("naive.py", suffix, *quality, suffix=suffix)


def raw() -> Command:
    """Return the command of two writers of as many bytes into as many files."""
    return Command((sys.executable, str(PEERS / "raw.py"), "{sizes}", "{out}", "2"), ".raw")


def program(name: str, path: str) -> Command:
    """Return the command of a peer that is a program, found at ``path`` if at all."""
    argv = ("sh", str(PEERS / f"{name}.sh"), "{n}", "{size}", "{out}", path)
    return Command(argv, ".png", missing="" if path else name)


def imagemagick() -> str:
    """Return the path of ImageMagick, or ''."""
    places = (Path(*place) for place in product(os.get_exec_path(), ("magick", "convert")))
    return next((str(path) for path in places if _is_imagemagick(path)), "")


def _is_imagemagick(path: Path) -> bool:
    """Tell whether a program can do the job, and is no script that passes it on."""
    if not (path.is_file() and os.access(path, os.X_OK)) or path.read_bytes()[:2] == b"#!":
        return False

    def output(*options: str) -> bytes:
        return subprocess.run([path, *options], capture_output=True, check=False).stdout

    made = output("-size", "2x2", "xc:gray", "+noise", "Random", "PNG24:-")
    return b"ImageMagick" in output("-version") and made.startswith(b"\x89PNG")


def figures() -> Iterator[Row]:
    """Yield the rows that have figures to reach, and those that explain them."""
    png, tar = generate(*_PLAIN), generate(*_PLAIN, *_TAR, suffix=".tar")
    png_two, tar_two = generate(*_TWO), generate(*_TWO, *_TAR, suffix=".tar")
    kept, naive_tar = script("naive_kept.py"), script("naive_tar.py", suffix=".tar")
    magick = program("imagemagick", imagemagick())
    ffmpeg = program("ffmpeg", shutil.which("ffmpeg") or "")
    cv2, tuned = script("opencv.py", needs="cv2"), script("opencv_tuned.py", needs="cv2")
    jpeg = generate(*_PLAIN, "-f", "jpeg:quality=90", suffix=".jpg")
    bmp = generate(*_PLAIN, "-f", "bmp", suffix=".bmp")
    click = Command((sys.executable, "-c", "import click"))

    yield Row("naive loop", 1_000, 300, png, naive(), 40, 60)
    yield Row("naive loop", 10_000, 300, png, naive(), 80, 120)
    yield Row("naive loop, sha256 and sync", 10_000, 300, generate(), kept, 45, 70)
    yield Row("naive loop in Pool(2)", 1_000, 300, png_two, script("pool.py"), 25, 50)
    yield Row("ImageMagick", 1_000, 300, png, magick, 35, 60)
    yield Row("cv2", 1_000, 300, png, cv2, 10, 15)
    yield Row("cv2 tuned", 1_000, 300, png, tuned, 4, 6)
    yield Row("ffmpeg level 0", 1_000, 300, png, ffmpeg, 4, 6)
    yield Row("raw files, two writers", 10_000, 300, png_two, raw(), 0.40, 0.55)
    yield Row("tar: raw shards, two writers", 10_000, 300, tar_two, raw(), 0.35, 0.5)
    yield Row("naive loop", 200, 1024, png, naive(), 120, 150)
    yield Row("tar: naive loop", 10_000, 32, tar, naive_tar, 25, 40)
    yield Row("tar: naive loop", 100_000, 32, tar, naive_tar)
    yield Row("JPEG q90: naive loop", 1_000, 300, jpeg, naive(".jpg", "90"), 3, 3.7)
    yield Row("BMP: naive loop", 1_000, 300, bmp, naive(".bmp"))
    yield Row("one image: naive script", 1, 64, SINGLE, naive(), 1, 1 / 0.7)
    yield Row("--help: import click", 1, 0, Command((PIXELGEN, "--help")), click)
    yield Row("--version: import click", 1, 0, Command((PIXELGEN, "--version")), click)
    yield Row("peak MiB", 1_000, 300, png, None, 80, 45)
    yield Row("peak MiB", 1_000, 32, png, None, 80, 45)
    yield Row("peak MiB", 100_000, 32, png, None, 80, 45)


def matrix() -> Iterator[Row]:
    """Yield sizes by formats, each beside the naive loop."""
    counts = {32: 5_000, 300: 500, 1024: 50}
    suffixes = {"png": ".png", "jpeg": ".jpg", "bmp": ".bmp"}
    for (size, count), (name, suffix) in product(counts.items(), suffixes.items()):
        ours = generate(*_PLAIN, "-f", name, suffix=suffix)
        yield Row(f"{name.upper()}: naive loop", count, size, ours, naive(suffix))
