"""Stores: where the files of a set are put."""

from pixelgen.store.local import Chunks, LocalStore, Put, Staged

__all__ = ["Chunks", "LocalStore", "Put", "Staged"]
