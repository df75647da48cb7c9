"""Formats: pixels to the bytes of one image file.

Every module of this folder is searched: each :class:`Format` named in it is known to the command
line, the manifest, the contract tests and ``pixelgen list formats``.
"""

from pixelgen.formats.base import Data, Encode, Format

__all__ = ["Data", "Encode", "Format"]
