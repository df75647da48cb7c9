"""What the command prints: its result on stdout, all else on stderr."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from pixelgen.errors import PixelgenError

if TYPE_CHECKING:
    from tqdm import tqdm

    from pixelgen.formats import Data
    from pixelgen.job import Job
    from pixelgen.storage import Store

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")
_PATIENCE = 0.3  # seconds before a bar is worth showing
_HEARTBEAT = 10.0  # seconds between lines without a terminal


def report(message: str) -> None:
    """Write a line to stderr; the work continues if nobody reads it."""
    with suppress(OSError):
        click.echo(printable(message), err=True)


def reporter(*, quiet: bool) -> Callable[[str], None]:
    """Return :func:`report`, or with ``quiet`` a function that says nothing."""
    return (lambda _: None) if quiet else report


def printable(text: str) -> str:
    r"""Spell out what a terminal would obey or hide: control and format characters, and their kin.

    What a file, a plan or a peer says may be in any message.

    >>> printable("a\x1b[2Jb – ü")
    'a\\x1b[2Jb – ü'
    """
    return "".join(
        each if each.isprintable() or _is_undecodable(each) else _escaped(each) for each in text
    )


def _is_undecodable(character: str) -> bool:
    """Return whether a character stands for a byte of a path that is not text (PEP 383)."""
    return "\udc80" <= character <= "\udcff"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def report_failure(message: str, exit_code: int, *, as_json: bool) -> int:
    """Say in one line what failed; with ``as_json``, on stdout too. Return the exit code."""
    line = " ".join(message.split())
    if as_json:
        with suppress(PixelgenError, ReaderGone):  # what failed may be stdout
            print_json({"error": line, "exit_code": exit_code})
    report(f"pixelgen: {line}")
    return exit_code


def report_loader_calls(job: "Job", store: "Store", trainer: str | None) -> None:
    """Say on stderr which calls load a dataset, into a trainer or wherever its layout is read.

    Nothing of one in an object store: not all loaders read from there.
    """
    if not store.has_local_paths:
        return
    if trainer is None:
        for call in job.layout.loaders(store.root, job.info):
            report(f"load it: {call}")
        return
    from pixelgen.trainers import find_trainer, loader_calls, loader_hint

    found = find_trainer(trainer)
    for call in loader_calls(found, job, store.root):
        report(f"load it: {call}")
    if hint := loader_hint(found, job, store.root):
        report(f"note: {hint}")


class ReaderGone(Exception):
    """Whoever read stdout wants no more of it."""


def write(data: "Data") -> None:
    """Write bytes to stdout, all of them, past any buffer that would have to be flushed later."""
    if sys.stdout is None:  # the shell closed it: nobody wants the result
        return
    from pixelgen.storage.posix import write_all  # here, because --help does without

    try:
        write_all(sys.stdout.fileno(), data)
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise PixelgenError(f"cannot write to standard output: {error.strerror}") from None


def print_line(text: str) -> None:
    """Write a line of the result to stdout, undecodable paths as the bytes they are."""
    print_path(printable(text))


def print_path(path: str) -> None:
    """Write a path to stdout as it is, for programs."""
    write(path.encode(errors="surrogateescape") + b"\n")


def print_json(value: Any) -> None:
    """Write the result to stdout as one JSON object in a line."""
    import json

    print_line(json.dumps(value))


def human_bytes(size: float) -> str:
    """Return a number of bytes in decimal units.

    >>> human_bytes(270_388_000)
    '270.4 MB'
    """
    if size < 1000:
        return f"{size:,.0f} bytes"
    power = min((len(f"{size:.0f}") - 1) // 3, len(_UNITS) - 1)
    return f"{size / 1000**power:,.1f} {_UNITS[power]}"


def pluralize(count: int, noun: str) -> str:
    """Return a number of things in words.

    >>> pluralize(1, "image"), pluralize(2000, "image")
    ('1 image', '2,000 images')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def can_repaint(stream: Any) -> bool:
    """Return whether a stream is a terminal on which a bar can be repainted."""
    dumb = os.environ.get("TERM") == "dumb" or os.environ.get("CI")
    return stream is not None and stream.isatty() and not dumb


class Progress:
    """A bar on a terminal, a line now and then elsewhere, nothing when quiet."""

    def __init__(self, verb: str, *, quiet: bool) -> None:
        self._verb = verb
        self._quiet = quiet
        self._begun = self._spoke = time.monotonic()
        self._count = 0
        self._images = 0
        self._bytes = 0
        self._bar: tqdm[Any] | None = None

    def update(self, images: int, size: int, count: int) -> None:
        """Count images that are done, and their bytes; there are ``count`` images in all."""
        self._images += images
        self._bytes += size
        self._count = count
        if self._quiet or self.seconds < _PATIENCE:
            return
        if can_repaint(sys.stderr):
            self._paint()
        elif time.monotonic() - self._spoke > _HEARTBEAT:
            self._spoke = time.monotonic()
            report(f"{self._verb} {self._images:,} of {self._count:,} images, {self.speed}")

    def _paint(self) -> None:
        from tqdm import tqdm

        if self._bar is None:
            tqdm.monitor_interval = 0  # its thread would forbid the pool to fork
            self._bar = tqdm(total=self._count, unit="img", desc=self._verb, leave=False)
        if self._bytes:
            self._bar.set_postfix_str(f"{human_bytes(self._bytes / self.seconds)}/s", refresh=False)
        self._bar.update(self._images - self._bar.n)

    def clear(self) -> None:
        """Take the bar away for a line of the result; the next update paints it again."""
        if self._bar is not None:
            self._bar.clear()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return max(time.monotonic() - self._begun, 1e-6)

    @property
    def speed(self) -> str:
        """Images a second so far and, where bytes are counted, bytes."""
        size = f", {human_bytes(self._bytes / self.seconds)}/s" if self._bytes else ""
        return f"{self._images / self.seconds:,.0f} images/s{size}"
