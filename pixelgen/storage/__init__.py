"""Stores: where the files of a set are put."""

import re

from pixelgen.errors import BadValue
from pixelgen.storage.base import PROBE, Chunks, Log, Put, Staged, Store
from pixelgen.storage.local import LocalStore

__all__ = ["PROBE", "Chunks", "LocalStore", "Log", "Put", "Staged", "Store", "store_of"]


_READ_ONLY = ("http", "https", "data", "git", "github")  # of fsspec's protocols
_URL = re.compile(r"([a-z][a-z0-9+.-]+)?:/", re.ASCII | re.IGNORECASE)  # also one that lost a slash


def store_of(place: str, durability: str = "commit") -> Store:
    """Return the store of a directory's path, or of a URL such as s3://bucket/prefix."""
    found = _URL.match(place)
    if not found:
        return LocalStore(place, durability)
    if (found[1] or "").lower() in _READ_ONLY:
        raise BadValue(
            f"{place!r} is an address to read from; write to a directory, or to a bucket by"
            " s3://, gs:// or az://"
        )
    from pixelgen.storage.objects import ObjectStore

    return ObjectStore.at(place, durability)
