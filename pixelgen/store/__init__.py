"""Stores: where the files of a set are put."""

import re

from pixelgen.store.base import PROBE, Chunks, Log, Put, Staged, Store
from pixelgen.store.local import LocalStore

__all__ = ["PROBE", "Chunks", "LocalStore", "Log", "Put", "Staged", "Store", "store_of"]


_URL = re.compile(r"([a-z][a-z0-9+.-]+)?:/", re.ASCII | re.IGNORECASE)  # also one that lost a slash


def store_of(place: str, durability: str = "commit") -> Store:
    """Return the store of a directory's path, or of a URL such as s3://bucket/prefix."""
    if not _URL.match(place):
        return LocalStore(place, durability)
    from pixelgen.store.objects import ObjectStore

    return ObjectStore.at(place, durability)
