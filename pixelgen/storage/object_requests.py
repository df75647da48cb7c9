"""Requests to an object store: retried while it fails, and explained if it refuses."""

import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pixelgen.errors import PixelgenError
from pixelgen.storage.fsspec_clients import client_errors, open_client
from pixelgen.storage.object_errors import describe_error, has_no_reason, is_permanent, suggest_fix

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")

_RETRY_SECONDS = 60.0  # a request is retried for this time
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 3.0  # seconds between two attempts


def request(root: str, call: Callable[["AbstractFileSystem", str], T], name: str = "") -> T:
    """Make a request about a name; retry it while the store fails.

    Raises:
        FileNotFoundError: For a missing object.
        PixelgenError: If the store refuses or the outage lasts.
    """
    files, base = open_client(root)
    path = f"{base}/{name}" if name else base
    deadline, pause = time.monotonic() + _RETRY_SECONDS, _FIRST_PAUSE
    while True:
        try:
            return call(files, path)
        except FileNotFoundError:
            raise
        except client_errors(root) as error:
            failure = error
        if has_no_reason(failure) and is_permanent(failure):
            failure = _with_reason(root, failure)
        if is_permanent(failure):
            raise _error(root, name, failure, suggest_fix(failure))
        if time.monotonic() + pause > deadline:
            again = f"it failed for {_RETRY_SECONDS:.0f} s; run the same command again to resume"
            raise _error(root, name, failure, again)
        time.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _with_reason(root: str, error_without_reason: Exception) -> Exception:
    """Return the error of listing the objects instead, because its response has a reason."""
    files, base = open_client(root)
    try:
        files.ls(base)
    except FileNotFoundError:
        return error_without_reason
    except client_errors(root) as error:
        return error
    return error_without_reason


def _error(root: str, name: str, error: Exception, hint: str) -> PixelgenError:
    place = f"{root}/{name}" if name else root
    return PixelgenError(f"cannot use {place}: {describe_error(error)}; {hint}")
