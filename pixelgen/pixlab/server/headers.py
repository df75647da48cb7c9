"""The head of a request: how large it may be, and which server its Host header names."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from ipaddress import IPv6Address

from pixelgen.pixlab.server.parsing import Refusal, bad

MOST_HEADERS = 64
MOST_HEADER_BYTES = 32 << 10
MOST_TARGET_BYTES = 8 << 10
_HIGHEST_PORT = 65535
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::([0-9]{1,5}))?")


def read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; raise Refusal where they are too many or too large.

    The values of a header that occurs more than once are joined by a comma, as RFC 9110 has it.
    """
    headers: dict[str, str] = {}
    count = size = 0
    for raw_name, raw_value in pairs:
        count, size = count + 1, size + len(raw_name) + len(raw_value)
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if count > MOST_HEADERS or size > MOST_HEADER_BYTES:
        raise Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"the request has {count} headers of {size:,} bytes; at most {MOST_HEADERS} headers and"
            f" {MOST_HEADER_BYTES:,} bytes are accepted; send fewer or shorter headers",
        )
    return headers


def check_target(path: str, query: bytes) -> None:
    """Refuse a path and query that are longer than any sensible ones."""
    size = len(path) + len(query)
    if size > MOST_TARGET_BYTES:
        raise Refusal(
            HTTPStatus.REQUEST_URI_TOO_LONG,
            f"the path and query have {size:,} bytes; at most {MOST_TARGET_BYTES:,} are accepted;"
            " send the parameters in a POST body",
        )


def parse_host(text: str) -> str:
    """Return the name or address in a Host header, in lower case; raise Refusal if malformed.

    Two Host headers arrive here as one with a comma, which no name has.
    """
    if not text:
        raise bad("the Host header is missing; send the name of this server, as in Host: localhost")
    found = _HOST.fullmatch(text.lower())
    if found is None or not (found[3] is None or 1 <= int(found[3]) <= _HIGHEST_PORT):
        raise _malformed(text)
    try:
        return found[2] or str(IPv6Address(found[1]))
    except ValueError:
        raise _malformed(text) from None


def _malformed(text: str) -> Refusal:
    return bad(
        f"Host {text[:60]!r} is malformed; send one NAME or NAME:PORT, with a port in"
        f" 1..{_HIGHEST_PORT} and an IPv6 address in brackets"
    )
