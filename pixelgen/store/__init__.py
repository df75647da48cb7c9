"""Stores: where the files of a set are put."""

from pixelgen.store.base import PROBE, Chunks, Log, Put, Staged, Store
from pixelgen.store.local import LocalStore

__all__ = ["PROBE", "Chunks", "LocalStore", "Log", "Put", "Staged", "Store", "store_of"]


def store_of(place: str, durability: str = "commit") -> Store:
    """Return the store of a directory's path, or of a URL such as s3://bucket/prefix."""
    if "://" not in place:
        return LocalStore(place, durability)
    from pixelgen.store.objects import ObjectStore

    return ObjectStore.at(place, durability)
