"""PixLab's ``pixelgenerate`` as far as a job knows of it: its address and its parameters.

https://pixlab.io/endpoints/pixelgenerate
"""

from pixelgen.colors import Color
from pixelgen.errors import BadValue

PIXLAB = "https://api.pixlab.io"
DEFAULT_PORTS = {"http": 80, "https": 443}
FORMATS = ("png", "jpeg", "bmp", "tiff", "gif")
"""The formats that ``export`` is known to accept."""


def parse_address(text: str) -> str:
    """Return the address of an endpoint in its canonical spelling; '' if it has none.

    Raises:
        BadValue: Unless it is https, or http to this machine, without a user or a query.
    """
    url = text.strip().rstrip("/").removesuffix("/pixelgenerate")
    if not url:
        return ""
    from urllib.parse import urlsplit  # here, because most jobs have none

    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in DEFAULT_PORTS and parts.hostname and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or not url.isascii() or not url.isprintable() or " " in url:
        raise BadValue(f"invalid address {text[:80]!r}: must be like {PIXLAB}")
    if parts.username is not None or "?" in url or "#" in url:
        raise BadValue(
            "invalid address of an endpoint: must not contain a user, a password or a query"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise BadValue("plain http would send the key unencrypted; use https")
    host = parts.netloc.lower().removesuffix(f":{DEFAULT_PORTS[parts.scheme]}")
    return parts._replace(netloc=host).geturl()


def is_loopback(host: str) -> bool:
    """Return whether a host name or an IP address always means this machine."""
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def color_parameter(color: Color) -> str:
    """Return how the endpoint spells an opaque or a transparent color."""
    return "tr" if color.alpha == 0 else str(color)
