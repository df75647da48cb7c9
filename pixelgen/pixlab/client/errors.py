"""What can go wrong with a request, how often it is retried, and how the command then ends."""

from dataclasses import dataclass

from pixelgen.errors import PixelgenError, Refused


@dataclass(frozen=True)
class FailureKind:
    """A kind of failure: how many retries are allowed, and the exception that ends the command.

    PixelgenError means that a later run may succeed, Refused that it would fail again.
    """

    retries: int
    error: type[PixelgenError]


RATE_LIMITED = FailureKind(3, PixelgenError)
"""More requests than the plan or the IP address may make."""
UNAVAILABLE = FailureKind(4, PixelgenError)
"""No response, an incomplete one, or one that reports a temporary error."""
BAD_IMAGE = FailureKind(1, Refused)
"""A body that is not a whole image, or not the image that was requested."""
PERMANENT = FailureKind(0, Refused)
"""A response that a retry would not change."""


class Failure(Exception):
    """A request that gave no image; ``retry_after`` is the delay in seconds that was asked for."""

    def __init__(self, kind: FailureKind, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after


class Cancelled(Exception):
    """The run was stopped while the request was in progress."""
