"""Which pages a browser may send requests for: by default, none but the server's own.

Browsers mark each request by Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/), older ones
some of them by Origin; other clients send neither. Allowed origins get the headers of
CORS (https://fetch.spec.whatwg.org/#http-cors-protocol).
"""

from collections.abc import Mapping
from http import HTTPStatus

from pixelgen.errors import BadValue
from pixelgen.pixlab.server.errors import HttpError
from pixelgen.pixlab.server.headers import parse_host
from pixelgen.pixlab.server.responses import Headers
from pixelgen.pixlab_api import DEFAULT_PORTS

_OWN_SITES = ("none", "same-origin")  # "none" is what the user types, or has bookmarked
_PREFLIGHT: Headers = (
    ("access-control-allow-methods", "GET, HEAD, POST"),
    ("access-control-allow-headers", "content-type, www-authenticate"),
    ("access-control-max-age", "600"),
)
_EXPOSED = ("access-control-expose-headers", "retry-after, x-pixelgen-job")


def parse_origin(text: str) -> str:
    """Return an origin as browsers write it; raise BadValue if it is invalid."""
    scheme, _, host = text.strip().lower().removesuffix("/").partition("://")
    try:
        parse_host(host)
    except HttpError:
        scheme = ""
    if scheme not in DEFAULT_PORTS:
        raise BadValue(
            f"invalid origin {text[:80]!r}: must be a scheme, a host and perhaps a port, as in"
            " https://app.example or http://localhost:3000"
        )
    return to_origin(scheme, host)


def to_origin(scheme: str, host: str) -> str:
    """Return the origin of a scheme, and a host with or without a port."""
    return f"{scheme}://{host.lower().removesuffix(f':{DEFAULT_PORTS.get(scheme)}')}"


def is_allowed_origin(headers: Mapping[str, str], allowed: tuple[str, ...]) -> bool:
    """Return whether a request comes from a page of an origin that the user allows."""
    return headers.get("origin") in allowed


def check_origin(
    headers: Mapping[str, str], own: tuple[str, ...], allowed: tuple[str, ...]
) -> None:
    """Raise HttpError if a browser sends a request for a page of any other origin."""
    if is_allowed_origin(headers, allowed):
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    is_own = origin in (None, *own) if site is None else site in _OWN_SITES
    if not is_own:
        page = f"origin {origin[:80]!r}" if origin else f"another origin ({(site or '')[:20]!r})"
        raise HttpError(
            HTTPStatus.FORBIDDEN,
            f"a browser sent this request for a page of {page}, which is not allowed; start the"
            " server with --allow-origin ORIGIN, and let the page use CORS",
        )


def is_preflight(method: str, headers: Mapping[str, str], allowed: tuple[str, ...]) -> bool:
    """Return whether a browser asks what a page of an allowed origin may send."""
    return (
        method == "OPTIONS"
        and "access-control-request-method" in headers
        and is_allowed_origin(headers, allowed)
    )


def cors_headers(method: str, headers: Mapping[str, str], allowed: tuple[str, ...]) -> Headers:
    """Return the headers that let pages of allowed origins read the response."""
    if not allowed:
        return ()
    vary = ("vary", "Origin")
    if not is_allowed_origin(headers, allowed):
        return (vary,)
    further = _PREFLIGHT if is_preflight(method, headers, allowed) else (_EXPOSED,)
    return (("access-control-allow-origin", headers["origin"]), vary, *further)
