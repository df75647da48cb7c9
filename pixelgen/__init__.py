"""pixelgen generates negative (background) images for machine learning.

A job says what to make; it is also a sequence of images:

>>> from pixelgen import Job
>>> Job(count=1000, size="300x300")[17].shape
(300, 300, 3)

``generate`` writes the dataset of a job into a directory, ``load`` reads it back, ``verify`` checks
it, ``repair`` makes again what is damaged, ``remove`` drops images. ``score`` says how often images
fool a model, ``mine`` makes a dataset of such images, ``select`` chooses from its scores again.
``families``, ``formats`` and ``layouts`` list what a job can be made of.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelgen.dataset.api import Manifest as Manifest
    from pixelgen.dataset.api import Report as Report
    from pixelgen.dataset.api import generate as generate
    from pixelgen.dataset.api import load as load
    from pixelgen.dataset.api import remove as remove
    from pixelgen.dataset.api import repair as repair
    from pixelgen.dataset.api import verify as verify
    from pixelgen.dataset.reader import Dataset as Dataset
    from pixelgen.dataset.run_config import RunConfig as RunConfig
    from pixelgen.families import Family
    from pixelgen.formats import Format
    from pixelgen.job import Job as Job
    from pixelgen.joining.merge import merge as merge
    from pixelgen.joining.negatives import Joined as Joined
    from pixelgen.layouts import LayoutComponent
    from pixelgen.scoring.api import score as score
    from pixelgen.scoring.mine import mine as mine
    from pixelgen.scoring.mine import select as select
    from pixelgen.scoring.models import load_model as load_model
    from pixelgen.scoring.selection_rules import SelectionRules as SelectionRules

__version__ = "0.1.0"
__all__ = [
    "Dataset",
    "Job",
    "Joined",
    "Manifest",
    "Report",
    "RunConfig",
    "SelectionRules",
    "__version__",
    "families",
    "formats",
    "generate",
    "layouts",
    "load",
    "load_model",
    "merge",
    "mine",
    "remove",
    "repair",
    "score",
    "select",
    "verify",
]

_MODULES = {
    "Dataset": "pixelgen.dataset.reader",
    "Job": "pixelgen.job",
    "Joined": "pixelgen.joining.negatives",
    "Manifest": "pixelgen.dataset.api",
    "Report": "pixelgen.dataset.api",
    "RunConfig": "pixelgen.dataset.run_config",
    "SelectionRules": "pixelgen.scoring.selection_rules",
    "generate": "pixelgen.dataset.api",
    "load": "pixelgen.dataset.api",
    "load_model": "pixelgen.scoring.models",
    "merge": "pixelgen.joining.merge",
    "mine": "pixelgen.scoring.mine",
    "remove": "pixelgen.dataset.api",
    "repair": "pixelgen.dataset.api",
    "score": "pixelgen.scoring.api",
    "select": "pixelgen.scoring.mine",
    "verify": "pixelgen.dataset.api",
}


def __getattr__(name: str) -> object:
    """Import what is public on first use, so that ``pixelgen --help`` never loads numpy."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__


def families() -> "dict[str, type[Family]]":
    """Return the families of noise by name.

    >>> import pixelgen
    >>> sorted(pixelgen.families())[:3]
    ['blobs', 'dead_leaves', 'fbm']
    """
    from pixelgen.families import Family
    from pixelgen.registry import subclasses

    return subclasses(Family)


def formats() -> "dict[str, type[Format]]":
    """Return the formats of image files by name."""
    from pixelgen.formats import Format
    from pixelgen.registry import subclasses

    return subclasses(Format)


def layouts() -> "dict[str, type[LayoutComponent]]":
    """Return the layouts by name: containers and sidecars."""
    from pixelgen.layouts import LayoutComponent
    from pixelgen.registry import subclasses

    return subclasses(LayoutComponent)
