"""Formats: pixels to the bytes of one image file.

Every module of this folder is loaded and every :class:`Format` named in it is known to the command
line, the manifest, the contract tests and ``pixelgen list formats``.
"""

import sys

from pixelgen import parts
from pixelgen.formats.base import Data, Encode, Format

__all__ = ["Data", "Encode", "Format"]

parts.load(sys.modules[__name__])
