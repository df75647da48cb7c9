"""The head of a request: how large it may be, and which host it names."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from ipaddress import IPv6Address

from pixelgen.pixlab.server.errors import HttpError, bad_request

MAX_HEADERS = 64
MAX_HEADER_BYTES = 32 << 10
MAX_TARGET_BYTES = 8 << 10
_HIGHEST_PORT = 65535
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::([0-9]{1,5}))?")


def read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; raise HttpError if they are too many or too large.

    The values of a header that occurs more than once are joined by a comma, as RFC 9110 has it.
    """
    headers: dict[str, str] = {}
    count = size = 0
    for raw_name, raw_value in pairs:
        count, size = count + 1, size + len(raw_name) + len(raw_value)
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if count > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise HttpError(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the request has {count} headers of {size:,} bytes; at most {MAX_HEADERS} headers and"
            f" {MAX_HEADER_BYTES:,} bytes are accepted; send fewer or shorter headers",
        )
    return headers


def check_target(path: str, query: bytes) -> None:
    """Raise HttpError if the path and the query are too long together."""
    size = len(path) + len(query)
    if size > MAX_TARGET_BYTES:
        raise HttpError(
            HTTPStatus.REQUEST_URI_TOO_LONG,
            f"the path and query have {size:,} bytes; at most {MAX_TARGET_BYTES:,} are accepted;"
            " send the parameters in a POST body",
        )


def parse_host(text: str) -> str:
    """Return the name or address in a Host header, in lower case; raise HttpError if malformed.

    Two Host headers arrive here as one with a comma, which no name has.
    """
    if not text:
        raise bad_request(
            "the Host header is missing; send the name of this server, as in Host: localhost"
        )
    match = _HOST.fullmatch(text.lower())
    if match is None or not (match[3] is None or 1 <= int(match[3]) <= _HIGHEST_PORT):
        raise _malformed_host(text)
    try:
        return match[2] or str(IPv6Address(match[1]))
    except ValueError:
        raise _malformed_host(text) from None


def _malformed_host(text: str) -> HttpError:
    return bad_request(
        f"invalid Host {text[:60]!r}: must be one NAME or NAME:PORT, with a port in"
        f" 1..{_HIGHEST_PORT} and an IPv6 address in brackets"
    )
