"""pixelgen writes negative (background) samples for machine learning.

>>> from pixelgen import Job
>>> Job(count=1000, width=300, height=300).render(17).shape
(300, 300, 3)
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelgen.job import Job as Job

__version__ = "0.1.0"
__all__ = ["Job", "__version__"]


def __getattr__(name: str) -> object:
    """Import ``Job`` on first use, so that ``pixelgen --help`` never loads numpy."""
    if name != "Job":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pixelgen.job import Job

    return Job
