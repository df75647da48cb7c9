"""Layouts: where the encoded images of a set go.

Every module of this folder is searched: each :class:`Container` named in it is known to the
command line, the manifest, the contract tests and ``pixelgen list layouts``.
"""

from pixelgen.layouts.base import Container, Names, Object, Record, Shard

__all__ = ["Container", "Names", "Object", "Record", "Shard"]
