"""The responses of the server: their kinds, and how one is sent."""

import asyncio
import json
from typing import Any, NamedTuple, TypeAlias

from pixelgen.pixlab.server.asgi import Send
from pixelgen.pixlab.server.errors import HttpError

Headers: TypeAlias = tuple[tuple[str, str], ...]

JSON_TYPE = "application/json"  # to the letter: clients compare the whole of it
_CHUNK_BYTES = 256 << 10
_SEND_SECONDS = 10.0  # for a client to take each chunk


class ServerResponse(NamedTuple):
    """A response: its status, the type and the bytes of its body, and further headers."""

    status: int
    content_type: str
    body: bytes
    headers: Headers = ()


def json_response(payload: dict[str, Any]) -> ServerResponse:
    """Return a response whose body, and so its status, is a JSON object."""
    return ServerResponse(payload["status"], JSON_TYPE, json.dumps(payload).encode())


def error_response(error: HttpError) -> ServerResponse:
    """Return the response that reports an error to the client."""
    response = json_response({"status": error.status.value, "error": str(error)})
    return response._replace(headers=tuple(error.headers.items()))


async def send_response(send: Send, response: ServerResponse, body: bytes) -> None:
    """Send a response with ``body`` in chunks; give up on a client that does not take them."""
    headers = (
        ("content-type", response.content_type),
        ("content-length", str(len(response.body))),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        *response.headers,
    )
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    start = {"type": "http.response.start", "status": response.status, "headers": encoded}
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_SEND_SECONDS) as timeout:
            await send(start)
            for offset in range(0, len(body) or 1, _CHUNK_BYTES):
                chunk = body[offset : offset + _CHUNK_BYTES]
                more = offset + _CHUNK_BYTES < len(body)
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
                timeout.reschedule(loop.time() + _SEND_SECONDS)
    except TimeoutError:
        return
