"""The HTTP server that runs the application until a signal ends it."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable

from pixelgen.errors import PixelgenError, install_extra
from pixelgen.pixlab.server.asgi import Application

_HEADER_SECONDS = 10
_DRAIN_SECONDS = 5
_MAX_CONNECTIONS = 900  # at a time; most systems allow a process 1,024 files
# granian answers longer heads than this by itself, without a body. It is far above the limits of
# pixelgen.pixlab.server.headers, so that most that are too long are refused there, in JSON.
_HEAD_BUFFER = 256 << 10


def free_port(host: str, port: int) -> int:
    """Return the port, or for 0 a free one; raise PixelgenError if it cannot be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PixelgenError(f"cannot listen on {host}:{port}: {error.strerror}") from None
        return int(probe.getsockname()[1])


def listen(app: Application, host: str, port: int, ready: Callable[[], object]) -> None:
    """Serve until SIGINT or SIGTERM; requests in progress get a few seconds to end."""
    try:
        import granian  # noqa: F401
    except ImportError:
        raise PixelgenError(f"serve needs granian; {install_extra('serve')}") from None
    asyncio.run(_listen(app, host, port, ready))


async def _listen(app: Application, host: str, port: int, ready: Callable[[], object]) -> None:
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server.embed import Server

    settings = HTTP1Settings(
        header_read_timeout=1000 * _HEADER_SECONDS, max_buffer_size=_HEAD_BUFFER
    )
    server = Server(
        app, host, port, interface=Interfaces.ASGINL, http=HTTPModes.http1, websockets=False,
        log_enabled=False, http1_settings=settings, backlog=_MAX_CONNECTIONS,
        backpressure=_MAX_CONNECTIONS,
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    serving = loop.create_task(server.serve())

    def stop() -> None:
        server.stop()  # type: ignore[no-untyped-call]  # granian has no type here
        # Making an image cannot be interrupted, and a cancelled request would be
        # answered as if it had failed: when time is up, connections end with the process.
        loop.call_later(_DRAIN_SECONDS, os._exit, 0)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await _wait_until_reachable(host, port)
    ready()
    await serving


async def _wait_until_reachable(host: str, port: int) -> None:
    """Wait until the port accepts connections."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        await writer.wait_closed()
        return
