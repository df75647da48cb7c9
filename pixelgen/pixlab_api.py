"""PixLab's ``pixelgenerate``, as far as a job knows of it: where it is, and what can be asked.

https://pixlab.io/endpoints/pixelgenerate
"""

from pixelgen.colors import Color
from pixelgen.errors import BadValue

PIXLAB = "https://api.pixlab.io"
_PORTS = {"http": 80, "https": 443}
FORMATS = ("png", "jpeg", "bmp", "tiff", "gif")
"""The formats that ``export`` is known to take."""


def address(text: str) -> str:
    """Read the address below which an endpoint answers, and spell it in one way; '' is none.

    Raises BadValue unless it is https, or http to this machine, without a user or a query.
    """
    url = text.strip().rstrip("/").removesuffix("/pixelgenerate")
    if not url:
        return ""
    from urllib.parse import urlsplit  # here, because most jobs have none

    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or not url.isascii() or not url.isprintable() or " " in url:
        raise BadValue(f"{text[:80]!r} is no address; write it as {PIXLAB}")
    if parts.username is not None or "?" in url or "#" in url:
        raise BadValue("the address of an endpoint has no user, no password and no query")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise BadValue("plain http would show the key to the network; use https")
    host = parts.netloc.lower().removesuffix(f":{_PORTS[parts.scheme]}")
    return parts._replace(netloc=host).geturl()


def is_loopback(host: str) -> bool:
    """Tell whether a host's name can be nothing but this machine."""
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def word(color: Color) -> str:
    """Return what the endpoint calls an opaque or a transparent colour."""
    return "tr" if color.alpha == 0 else str(color)
