"""Requests to an object store, repeated while it fails, and what to do where it refuses."""

import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pixelgen.errors import PixelgenError
from pixelgen.storage.fsspec_clients import client, failures
from pixelgen.storage.object_errors import is_bare, is_refusal, reason, remedy

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")

_BUDGET = 60.0  # seconds that a request is repeated for
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 3.0  # seconds between two tries


def request(root: str, call: Callable[["AbstractFileSystem", str], T], name: str = "") -> T:
    """Make a request about a name; repeat it while the store fails.

    Raises FileNotFoundError where nothing is there, PixelgenError for what it refuses and for
    an outage that lasts.
    """
    files, base = client(root)
    path = f"{base}/{name}" if name else base
    deadline, pause = time.monotonic() + _BUDGET, _FIRST_PAUSE
    while True:
        try:
            return call(files, path)
        except FileNotFoundError:
            raise
        except failures(root) as error:
            failure = error
        if is_bare(failure) and is_refusal(failure):
            failure = _explained(root, failure)
        if is_refusal(failure):
            raise _failed(root, name, failure, remedy(failure))
        if time.monotonic() + pause > deadline:
            again = f"it failed for {_BUDGET:.0f} s; run the same command again to resume"
            raise _failed(root, name, failure, again)
        time.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _explained(root: str, refusal: Exception) -> Exception:
    """Return a refusal with the reason that the store gives when it is to list objects."""
    files, base = client(root)
    try:
        files.ls(base)
    except FileNotFoundError:
        return refusal
    except failures(root) as error:
        return error
    return refusal


def _failed(root: str, name: str, error: Exception, hint: str) -> PixelgenError:
    place = f"{root}/{name}" if name else root
    return PixelgenError(f"cannot use {place}: {reason(error)}; {hint}")
