"""The configuration of the server."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """What is served, to whom, and how much of it at a time.

    ``key`` is the only key that is accepted; with None any key is, and with ``no_auth`` none is
    needed. ``allowed_hosts`` are the names that a request may call this machine by, besides those
    of the loopback; ``allowed_origins`` are those whose pages a browser may send requests for,
    besides the server's own. At most ``workers`` images are made at a time and ``queue_size``
    requests wait; no image may take more than an estimated ``max_seconds`` of CPU time or
    ``max_bytes`` of memory. Images behind links are cached for ``cache_seconds``.
    """

    key: bytes | None = None
    no_auth: bool = False
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    public_url: str = ""
    max_pixels: int = 1 << 24
    max_seconds: float = 30.0
    max_bytes: int = 1 << 30
    workers: int = 1
    queue_size: int = 32
    cache_bytes: int = 64 << 20
    cache_seconds: float = 3600.0
