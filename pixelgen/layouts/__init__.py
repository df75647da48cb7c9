"""Layouts: where the encoded images of a dataset go, and the files that index them.

Every module of ``containers`` and ``sidecars`` is imported. Each :class:`Container` and
:class:`Sidecar` with a ``name`` is then available to the command line, the manifest, the contract
tests and ``pixelgen list layouts``.
"""

import sys

from pixelgen.layouts.base import (
    Container,
    File,
    FileEntry,
    LayoutComponent,
    ManifestView,
    Sample,
    ShardRecord,
    Sidecar,
)
from pixelgen.layouts.containers._image_files import ImageFiles
from pixelgen.layouts.containers._sharded import Sharded
from pixelgen.layouts.dataset_info import DatasetInfo, ImageRecord, Shard, Splits
from pixelgen.registry import ComponentPackage

__all__ = [
    "Container",
    "DatasetInfo",
    "File",
    "FileEntry",
    "ImageFiles",
    "ImageRecord",
    "LayoutComponent",
    "ManifestView",
    "Sample",
    "Shard",
    "ShardRecord",
    "Sharded",
    "Sidecar",
    "Splits",
]

# Once imported, this package takes the place of the function ``pixelgen.layouts``.
sys.modules[__name__].__class__ = ComponentPackage
