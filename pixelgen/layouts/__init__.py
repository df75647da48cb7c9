"""Layouts: where the encoded images of a set go, and what indexes them.

Every module of ``containers`` and ``sidecars`` is searched: each :class:`Container` and each
:class:`Sidecar` named in it is known to the command line, the manifest, the contract tests and
``pixelgen list layouts``.
"""

from pixelgen.layouts.base import (
    Catalogue,
    Container,
    File,
    LayoutPart,
    Object,
    Record,
    Sample,
    Sidecar,
)
from pixelgen.layouts.dataset_info import Fact, Roster, Shard, Splits

__all__ = [
    "Catalogue",
    "Container",
    "Fact",
    "File",
    "LayoutPart",
    "Object",
    "Record",
    "Roster",
    "Sample",
    "Shard",
    "Sidecar",
    "Splits",
]
