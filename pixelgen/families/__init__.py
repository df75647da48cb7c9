"""Families: what fills an image, by mathematics.

Every module of this folder is searched: each :class:`Family` named in it is known to the command
line, the manifest, the contract tests and ``pixelgen list families``: to add one, write its class.
"""

from pixelgen.families.base import Family, fingerprint
from pixelgen.image_types import Shape, Texture

__all__ = ["Family", "Shape", "Texture", "fingerprint"]
