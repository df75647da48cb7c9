"""The endpoint as an ASGI application: from a scope to a response, and a line in the log."""

import time
from collections.abc import Callable
from urllib.parse import quote

from pixelgen.pixlab.server.asgi import Application, Message, Receive, Send
from pixelgen.pixlab.server.config import ServerConfig
from pixelgen.pixlab.server.errors import HttpError
from pixelgen.pixlab.server.handler import RequestHandler
from pixelgen.pixlab.server.headers import read_headers
from pixelgen.pixlab.server.origins import cors_headers
from pixelgen.pixlab.server.requests import read_request
from pixelgen.pixlab.server.responses import (
    JSON_TYPE,
    ServerResponse,
    error_response,
    send_response,
)
from pixelgen.pixlab.server.worker_threads import ClientDisconnected

_CLIENT_DISCONNECTED = 499  # as nginx logs it


def create_app(config: ServerConfig, log: Callable[[str], object] = lambda _: None) -> Application:
    """Return the application; ``log`` gets a line for each request, without its query."""
    handler = RequestHandler(config)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        start = time.monotonic()
        response = await _respond(scope, receive, config, handler)
        body = b"" if scope["method"] == "HEAD" else response.body
        client = (scope.get("client") or ("-",))[0]
        log(
            f"{client} {scope['method']} {quote(scope['path'])} {response.status} {len(body)}"
            f" {1000 * (time.monotonic() - start):.0f}ms"
        )
        await send_response(send, response, body)

    return app


async def _respond(
    scope: Message, receive: Receive, config: ServerConfig, handler: RequestHandler
) -> ServerResponse:
    try:
        headers = read_headers(scope["headers"])
    except HttpError as error:
        return error_response(error)
    try:
        response = await handler.handle(await read_request(scope, headers, receive, config))
    except HttpError as error:
        response = error_response(error)
    except ClientDisconnected:
        return ServerResponse(_CLIENT_DISCONNECTED, JSON_TYPE, b"")  # for the log alone
    cors = cors_headers(scope["method"], headers, config.allowed_origins)
    return response._replace(headers=response.headers + cors)
