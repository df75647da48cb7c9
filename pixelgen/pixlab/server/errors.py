"""The errors that a request is answered with."""

from http import HTTPStatus

from pixelgen.errors import PixelgenError


class HttpError(PixelgenError):
    """A request that is refused: an HTTP status, what is wrong, and headers to go with it."""

    def __init__(self, status: HTTPStatus, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def bad_request(message: str) -> HttpError:
    """Return the error for a request that does not make sense: 400."""
    return HttpError(HTTPStatus.BAD_REQUEST, message)


def busy() -> HttpError:
    """Return the error for a request that exceeds the capacity at the moment: 503."""
    return HttpError(
        HTTPStatus.SERVICE_UNAVAILABLE, "busy; try again in a second", **{"retry-after": "1"}
    )
