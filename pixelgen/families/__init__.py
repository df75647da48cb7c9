"""Families: what fills an image, by mathematics.

Every module of this folder is loaded and every :class:`Family` named in it is known to the command
line, the manifest, the contract tests and ``pixelgen list families``: to add one, write its class.
"""

import sys

from pixelgen import parts
from pixelgen.families.base import Family, Shape, Texture, fingerprint

__all__ = ["Family", "Shape", "Texture", "fingerprint"]

parts.load(sys.modules[__name__])
