"""What can go wrong with a request, how often it is tried again, and what the command ends with."""

from dataclasses import dataclass

from pixelgen.errors import PixelgenError, Refused


@dataclass(frozen=True)
class Kind:
    """A kind of failure: how many tries follow the first, and whether a later run may do better."""

    retries: int
    error: type[PixelgenError]


RATE = Kind(3, PixelgenError)
"""Too many requests: as many a minute as the plan or the address is allowed."""
UNAVAILABLE = Kind(4, PixelgenError)
"""No answer, half of one, or one that says it is out of order."""
BROKEN = Kind(1, Refused)
"""An image that is none, or not the one that was asked for."""
FINAL = Kind(0, Refused)
"""An answer that would be the same again."""


class Failure(Exception):
    """A request that gave no image; ``wait`` is the seconds that the endpoint asked to wait."""

    def __init__(self, kind: Kind, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.wait = wait


class Cancelled(Exception):
    """The run was asked to stop meanwhile."""
