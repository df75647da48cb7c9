"""Families: kinds of noise, each defined by a formula.

Every module of this package is imported. Each :class:`Family` with a ``name`` is then available to
the command line, the manifest, the contract tests and ``pixelgen list families``.
"""

from pixelgen.families.base import Family, fingerprint
from pixelgen.image_types import Shape, Texture

__all__ = ["Family", "Shape", "Texture", "fingerprint"]
