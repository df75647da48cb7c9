"""Families: kinds of noise, each defined by a formula.

Every module of this package is imported. Each :class:`Family` with a ``name`` is then available to
the command line, the manifest, the contract tests and ``pixelgen list families``.
"""

import sys

from pixelgen.families.base import Family, fingerprint
from pixelgen.image_types import Shape, Texture
from pixelgen.registry import ComponentPackage

__all__ = ["Family", "Shape", "Texture", "fingerprint"]

# Once imported, this package takes the place of the function ``pixelgen.families``.
sys.modules[__name__].__class__ = ComponentPackage
