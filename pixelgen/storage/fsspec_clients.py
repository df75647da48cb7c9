"""The clients of object stores: file systems of fsspec, each in a package of its own."""

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pixelgen.errors import BadValue, PixelgenError, install_extra

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from fsspec import AbstractFileSystem

_EXTRAS = {
    "s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az",
}  # fmt: skip
_NOT_PERSISTENT = {"memory"}
_RETRY_CONFIG = {"connect_timeout": 10, "read_timeout": 60, "retries": {"mode": "standard"}}
_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": _RETRY_CONFIG}}
_SINGLE_REQUEST_LIMIT = 512 << 20  # bytes; by itself s3fs sends parts from 100 MiB on
_CREATE_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"mode": "create"}, "gs": {"mode": "create"}, "az": {"overwrite": False},
}  # fmt: skip
_ERROR_CLASSES = {
    "s3": ("botocore.exceptions.BotoCoreError", "aiohttp.ClientError"),
    "gs": (
        "builtins.ValueError",  # for a response with the word "invalid" in it
        "gcsfs.retry.HttpError",
        "aiohttp.ClientError",
        "google.auth.exceptions.GoogleAuthError",
        "requests.exceptions.RequestException",
    ),
    "az": ("azure.core.exceptions.AzureError",),
}


@lru_cache(maxsize=8)
def open_client(root: str) -> "tuple[AbstractFileSystem, str]":
    """Return the client of a URL, and the root as the client spells it."""
    scheme = root.partition("://")[0]
    if scheme in _NOT_PERSISTENT:
        raise BadValue(
            f"invalid output {root!r}: {scheme}:// is lost when the command ends; use a directory"
            " or a bucket"
        )
    options = _OPTIONS.get(_extra(root), {})
    try:
        from fsspec.core import url_to_fs

        files, path = url_to_fs(root, use_listings_cache=False, **options)
    except ImportError as error:
        extra = _extra(root)
        fix = f"; {install_extra(extra)}" if extra else ""
        raise PixelgenError(f"{scheme}:// needs another package ({error}){fix}") from None
    except ValueError as error:
        raise BadValue(f"invalid output {root!r}: {error}; use a directory or a bucket") from None
    if loop := getattr(files, "loop", None):
        loop.set_exception_handler(_handle_task_error)
    return files, path.rstrip("/")


def _handle_task_error(loop: "AbstractEventLoop", context: dict[str, Any]) -> None:
    """Drop the errors of connections that broke; a request that is repeated may leave its task.

    By itself asyncio would print each with its traceback, though the run goes well.
    """
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)


def put_options(root: str, size: int) -> dict[str, Any]:
    """Return the options that make a client send an object in one request, as memory allows.

    A killed process leaves the parts of a multipart upload in the store: invisible, but billed.
    """
    is_limited = _extra(root) == "s3" and size <= _SINGLE_REQUEST_LIMIT
    return {"chunksize": _SINGLE_REQUEST_LIMIT} if is_limited else {}


def create_options(root: str) -> dict[str, Any]:
    """Return the options that make a client create an object only (If-None-Match: *).

    None for clients that are not known to support the condition.
    """
    return _CREATE_OPTIONS.get(_extra(root), {})


def _extra(root: str) -> str:
    """Return the extra that installs the client of a URL, or ''."""
    return _EXTRAS.get(root.partition("://")[0], "")


@lru_cache(maxsize=8)
def client_errors(root: str) -> tuple[type[Exception], ...]:
    """Return the exceptions that a client raises when the store fails or refuses."""
    errors: list[type[Exception]] = [OSError]
    for path in _ERROR_CLASSES.get(_extra(root), ()):
        module, _, name = path.rpartition(".")
        errors.append(getattr(import_module(module), name))
    return tuple(errors)
