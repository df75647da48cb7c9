"""Layouts: where the encoded images of a set go.

Every module of this folder is loaded and every :class:`Container` named in it is known to the
command line, the manifest, the contract tests and ``pixelgen list layouts``.
"""

import sys

from pixelgen import parts
from pixelgen.layouts.base import Container, Names, Object, Record, Shard

__all__ = ["Container", "Names", "Object", "Record", "Shard"]

parts.load(sys.modules[__name__])
