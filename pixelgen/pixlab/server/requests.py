"""Reading a request: its headers, its parameters, and whether it is meant for this server."""

import asyncio
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from pixelgen.pixlab.server.asgi import Message, Receive
from pixelgen.pixlab.server.config import ServerConfig
from pixelgen.pixlab.server.errors import HttpError, bad_request
from pixelgen.pixlab.server.headers import check_target, parse_host
from pixelgen.pixlab.server.origins import check_origin, to_origin
from pixelgen.pixlab.server.parsing import Fields, parse_body, parse_query

MAX_BODY_BYTES = 64 << 10
_BODY_SECONDS = 10.0
_PUBLIC_PATHS = ("/", "/openapi.json", "/status")  # the same for everyone, of any origin
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class Request(NamedTuple):
    """A request: its method and path, headers by lower-case name, and parameters.

    ``base_url`` is what links begin with; ``receive`` returns when the client disconnects.
    """

    method: str
    path: str
    headers: dict[str, str]
    fields: Fields
    base_url: str
    receive: Receive


async def read_request(
    scope: Message, headers: dict[str, str], receive: Receive, config: ServerConfig
) -> Request:
    """Read a whole request; raise HttpError if it is too large, too slow or not for this server."""
    query = scope.get("query_string", b"")
    check_target(scope["path"], query)
    base_url = _check_host(scope, headers, config)
    fields = parse_query(query)
    if scope["method"] == "POST":
        try:
            body = await asyncio.wait_for(_read_body(receive), _BODY_SECONDS)
        except TimeoutError:
            message = f"the body did not arrive within {_BODY_SECONDS:.0f} seconds"
            raise HttpError(HTTPStatus.REQUEST_TIMEOUT, message) from None
        fields |= parse_body(headers.get("content-type", ""), body)
    return Request(scope["method"], scope["path"], headers, fields, base_url, receive)


def _check_host(scope: Message, headers: dict[str, str], config: ServerConfig) -> str:
    """Return what links begin with; raise HttpError for a request to another host or from a page.

    Pages of the server itself and of allowed origins may send requests.
    """
    host, scheme = headers.get("host", ""), scope.get("scheme", "http")
    name = parse_host(host)
    if name not in (*_LOCAL_HOSTS, *config.allowed_hosts):
        raise bad_request(
            f"Host {name[:60]!r} is not a name of this server; use localhost, or start the server"
            " with --allow-host"
        )
    base_url = config.public_url.rstrip("/") or f"{scheme}://{host}"
    if scope["path"] not in _PUBLIC_PATHS:
        public = urlsplit(base_url)
        own = (to_origin(scheme, host), to_origin(public.scheme, public.netloc))
        check_origin(headers, own, config.allowed_origins)
    return base_url


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":  # a malformed chunk ends so, too
            raise bad_request("invalid body: must be complete and as long as announced")
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise bad_request(f"the body is longer than {MAX_BODY_BYTES:,} bytes")
        if not message.get("more_body"):
            return bytes(body)
