"""Engines: they map a function over the shards of a job.

Each engine is a module here: this process, local processes, a Dask cluster.
"""

from pixelgen.engines.base import Check, Engine, Work
from pixelgen.engines.local import Local
from pixelgen.engines.machine import cores, keep_memory
from pixelgen.engines.memory import available_memory
from pixelgen.engines.serial import Serial
from pixelgen.registry import parse

__all__ = [
    "Check", "Engine", "Local", "Serial", "Work", "available_memory", "cores", "keep_memory",
    "parse_engine",
]  # fmt: skip


def parse_engine(text: str) -> Engine:
    """Return the engine of a specification, or of an address such as dask://host:8786."""
    if "://" not in text:
        return parse(Engine, text)
    from pixelgen.engines.dask import Dask

    return Dask.at(text)
