"""Pages of other origins: a browser sends their requests too, whatever its user thinks of it.

Browsers mark each request by Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/), older ones
some of them by Origin; other clients send neither. Origins that are allowed get the headers of
CORS (https://fetch.spec.whatwg.org/#http-cors-protocol).
"""

from collections.abc import Mapping
from http import HTTPStatus

from pixelgen.errors import BadValue
from pixelgen.pixlab.server.headers import parse_host
from pixelgen.pixlab.server.parsing import Refusal

Headers = tuple[tuple[str, str], ...]

_PORTS = {"http": 80, "https": 443}
_OWN_SITES = ("none", "same-origin")  # "none" is what the user types, or has bookmarked
_PREFLIGHT: Headers = (
    ("access-control-allow-methods", "GET, HEAD, POST"),
    ("access-control-allow-headers", "content-type, www-authenticate"),
    ("access-control-max-age", "600"),
)
_EXPOSED = ("access-control-expose-headers", "retry-after, x-pixelgen-job")


def parse_origin(text: str) -> str:
    """Return an origin as browsers write it; raise BadValue for what is not one."""
    scheme, _, host = text.strip().lower().removesuffix("/").partition("://")
    try:
        parse_host(host)
    except Refusal:
        scheme = ""
    if scheme not in _PORTS:
        raise BadValue(
            f"origin {text[:80]!r} is invalid; write a scheme, a host and perhaps a port, as in"
            " https://app.example or http://localhost:3000"
        )
    return origin_of(scheme, host)


def origin_of(scheme: str, host: str) -> str:
    """Return the origin of a scheme, and a host with or without a port."""
    return f"{scheme}://{host.lower().removesuffix(f':{_PORTS.get(scheme)}')}"


def is_allowed(headers: Mapping[str, str], allowed: tuple[str, ...]) -> bool:
    """Tell whether a request is of a page of an origin that the user allows."""
    return headers.get("origin") in allowed


def check_site(headers: Mapping[str, str], own: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    """Refuse a request that a browser sends for a page neither of ``own`` nor allowed origins."""
    if is_allowed(headers, allowed):
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    is_own = origin in (None, *own) if site is None else site in _OWN_SITES
    if not is_own:
        page = f"origin {origin[:80]!r}" if origin else f"another origin ({(site or '')[:20]!r})"
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            f"a browser sent this request for a page of {page}, which is not allowed; start the"
            " server with --allow-origin ORIGIN, and let the page use CORS",
        )


def is_preflight(method: str, headers: Mapping[str, str], allowed: tuple[str, ...]) -> bool:
    """Tell whether a browser asks what an allowed origin may send."""
    return (
        method == "OPTIONS"
        and "access-control-request-method" in headers
        and is_allowed(headers, allowed)
    )


def cors_headers(method: str, headers: Mapping[str, str], allowed: tuple[str, ...]) -> Headers:
    """Return the headers that let pages of allowed origins read the answer."""
    if not allowed:
        return ()
    vary = ("vary", "Origin")
    if not is_allowed(headers, allowed):
        return (vary,)
    further = _PREFLIGHT if is_preflight(method, headers, allowed) else (_EXPOSED,)
    return (("access-control-allow-origin", headers["origin"]), vary, *further)
