"""Stores: where the files of a dataset are written."""

import re

from pixelgen.errors import BadValue
from pixelgen.storage.base import PROBE_PREFIX, Chunks, Log, Put, StagedFile, Store
from pixelgen.storage.local import LocalStore

__all__ = [
    "PROBE_PREFIX",
    "Chunks",
    "LocalStore",
    "Log",
    "Put",
    "StagedFile",
    "Store",
    "open_store",
]


_READ_ONLY = ("http", "https", "data", "git", "github")  # protocols of fsspec
_URL = re.compile(r"([a-z][a-z0-9+.-]+)?:/", re.ASCII | re.IGNORECASE)  # also with a slash missing


def open_store(location: str, durability: str = "commit", *, follows_links: bool = False) -> Store:
    """Return the store of a directory's path, or of a URL such as s3://bucket/prefix.

    With ``follows_links``, files of a directory may be links to files elsewhere.

    Raises:
        BadValue: For a URL of a kind that cannot be written to.
    """
    match = _URL.match(location)
    if not match:
        return LocalStore(location, durability, follows_links)
    if (match[1] or "").lower() in _READ_ONLY:
        raise BadValue(
            f"invalid output {location!r}: {match[1]}:// is read-only; write to a directory, or to"
            " a bucket at s3://, gs:// or az://"
        )
    from pixelgen.storage.objects import ObjectStore

    return ObjectStore.at(location, durability)
