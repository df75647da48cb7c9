"""The clients of object stores: fsspec's, each of which is a package of its own."""

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pixelgen.errors import BadValue, PixelgenError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_EXTRAS = {
    "s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az",
}  # fmt: skip
_OF_A_PROCESS = {"memory"}
_TIMES = {"connect_timeout": 10, "read_timeout": 60, "retries": {"mode": "standard"}}
_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": _TIMES}}
_ONE_REQUEST = 512 << 20  # bytes; s3fs would send parts from 100 MiB on
_ONLY_NEW: dict[str, dict[str, Any]] = {
    "s3": {"mode": "create"}, "gs": {"mode": "create"}, "az": {"overwrite": False},
}  # fmt: skip
_FAILURES = {
    "s3": ("botocore.exceptions.BotoCoreError", "aiohttp.ClientError"),
    "gs": (
        "builtins.ValueError",  # of an answer that has the word "invalid" in it
        "gcsfs.retry.HttpError",
        "aiohttp.ClientError",
        "google.auth.exceptions.GoogleAuthError",
        "requests.exceptions.RequestException",
    ),
    "az": ("azure.core.exceptions.AzureError",),
}


@lru_cache(maxsize=8)
def client(root: str) -> "tuple[AbstractFileSystem, str]":
    """Return the client of a URL, and the root as it names it."""
    scheme = root.partition("://")[0]
    if scheme in _OF_A_PROCESS:
        raise BadValue(f"{root!r} would be gone with this process; name a directory, or a bucket")
    options = _OPTIONS.get(_extra(root), {})
    try:
        from fsspec.core import url_to_fs

        files, path = url_to_fs(root, use_listings_cache=False, **options)
    except ImportError as error:
        extra = _extra(root)
        way = f": python -m pip install 'pixelgen[{extra}]'" if extra else ""
        raise PixelgenError(f"{scheme}:// needs a package more ({error}){way}") from None
    except ValueError as error:
        raise BadValue(f"{root!r} is no place to write to: {error}") from None
    return files, path.rstrip("/")


def put_options(root: str, size: int) -> dict[str, Any]:
    """Return what has a client put so many bytes in one request, as far as memory allows.

    Of parts, those that were sent before a kill stay in the store: unseen, but billed.
    """
    return {"chunksize": _ONE_REQUEST} if _extra(root) == "s3" and size <= _ONE_REQUEST else {}


def create_options(root: str) -> dict[str, Any]:
    """Return what has a client put an object only where there is none (If-None-Match: *).

    Nothing for clients that are not known to have such a condition.
    """
    return _ONLY_NEW.get(_extra(root), {})


def _extra(root: str) -> str:
    """Return the extra that has the client of a URL, or ''."""
    return _EXTRAS.get(root.partition("://")[0], "")


@lru_cache(maxsize=8)
def failures(root: str) -> tuple[type[Exception], ...]:
    """Return what a client raises when the store fails, or refuses."""
    found: list[type[Exception]] = [OSError]
    for path in _FAILURES.get(_extra(root), ()):
        module, _, name = path.rpartition(".")
        found.append(getattr(import_module(module), name))
    return tuple(found)
