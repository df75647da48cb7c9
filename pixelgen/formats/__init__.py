"""Formats: encoders from pixels to the bytes of one image file.

Every module of this package is imported. Each :class:`Format` with a ``name`` is then available to
the command line, the manifest, the contract tests and ``pixelgen list formats``.
"""

from pixelgen.formats.base import Data, Encode, Format

__all__ = ["Data", "Encode", "Format"]
