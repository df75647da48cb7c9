"""Formats: encoders from pixels to the bytes of one image file.

Every module of this package is imported. Each :class:`Format` with a ``name`` is then available to
the command line, the manifest, the contract tests and ``pixelgen list formats``.
"""

import sys

from pixelgen.formats.base import Data, Encode, Format
from pixelgen.registry import ComponentPackage

__all__ = ["Data", "Encode", "Format"]

# Once imported, this package takes the place of the function ``pixelgen.formats``.
sys.modules[__name__].__class__ = ComponentPackage
