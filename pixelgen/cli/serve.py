"""``pixelgen serve``: the PixLab endpoint on this machine."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.command import HeadedCommand, HomePath, Seconds, Workers, json_option, together
from pixelgen.cli.output import print_json, print_line, report
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.pixlab.server.config import ServerConfig

KEY = "PIXELGEN_SERVE_KEY"

# fmt: off
_options = together([
    click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
                 help="IP address to listen on; one that others reach needs a key."),
    click.option("--port", type=click.IntRange(0, 65535), metavar="N", default=8000,
                 show_default=True,
                 help="Port; 0 takes a free one."),
    click.option("--key-file", metavar="FILE", type=HomePath(allow_dash=True),
                 help=f"File with the key that requests must have; or set {KEY}."
                      "  [default: any key]"),
    click.option("--no-auth", is_flag=True, help="Accept requests without a key."),
    click.option("--public-url", default="", metavar="URL",
                 help="Start of links.  [default: the address in the request]"),
    click.option("--allow-host", multiple=True, metavar="NAME",
                 help="Name of this machine in requests, besides localhost; repeatable."),
    click.option("--allow-origin", multiple=True, metavar="ORIGIN",
                 help="Origin whose web pages may use this server, such as http://localhost:3000;"
                      " repeatable."),
    click.option("--max-pixels", type=click.IntRange(1, 1 << 27), default=1 << 24,
                 show_default=True, metavar="N", help="Largest image, in pixels."),
    click.option("--max-seconds", type=Seconds(0), default=30.0, show_default=True,
                 help="Largest estimate of CPU time for an image."),
    click.option("--max-memory", type=click.IntRange(1), default=1 << 30, show_default=True,
                 metavar="BYTES", help="Largest estimate of memory for an image."),
    click.option("-j", "--jobs", type=Workers(), metavar="N",
                 help="Images made at once.  [default: the CPUs that this process may use]"),
    click.option("--queue", type=click.IntRange(0), metavar="N", default=32, show_default=True,
                 help="Requests that may wait; more are refused with 503."),
    click.option("--keep-bytes", type=click.IntRange(0), metavar="N", default=64 << 20,
                 show_default=True,
                 help="Memory for linked images, in bytes; the oldest are dropped first."),
    click.option("--keep-seconds", type=Seconds(0), default=3600.0, show_default=True,
                 help="How long a linked image is kept."),
    json_option,
    click.option("-q", "--quiet", is_flag=True, help="Log no requests."),
])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """The options of ``serve``."""

    host: str
    port: int
    key_file: str | None
    no_auth: bool
    public_url: str
    allow_host: tuple[str, ...]
    allow_origin: tuple[str, ...]
    max_pixels: int
    max_seconds: float
    max_memory: int
    jobs: int | None
    queue: int
    keep_bytes: int
    keep_seconds: float
    as_json: bool
    quiet: bool

    def server_config(self, key: bytes | None) -> "ServerConfig":
        """Return the limits and permissions of the server."""
        from pixelgen.engines import cores
        from pixelgen.pixlab.server.config import ServerConfig
        from pixelgen.pixlab.server.origins import parse_origin

        return ServerConfig(
            key=key,
            no_auth=self.no_auth,
            allowed_hosts=_names(self),
            allowed_origins=tuple(map(parse_origin, self.allow_origin)),
            public_url=self.public_url,
            max_pixels=self.max_pixels,
            max_seconds=self.max_seconds,
            max_bytes=self.max_memory,
            workers=self.jobs or cores(),
            queue_size=self.queue,
            cache_bytes=self.keep_bytes,
            cache_seconds=self.keep_seconds,
        )


@click.command(cls=HeadedCommand)
@_options
def serve(**values: Any) -> int:
    """Serve PixLab's endpoint on this machine, offline.

    Answers pixelgenerate and newimage, with seed, noise and density as additional parameters.
    Prints its address when it is ready, logs requests without their queries on stderr, and runs
    until a signal ends it.
    """
    from pixelgen.pixlab_api import is_loopback

    options = ServeOptions(**values)
    host, key = options.host, _key(options.key_file)
    _check_host(host)
    if not (is_loopback(host) or key or options.no_auth):
        raise BadValue(
            f"host {host} is reachable by others: require a key with --key-file, or allow everyone"
            " with --no-auth"
        )
    if key and options.no_auth:
        raise BadValue("--no-auth cannot be combined with a key; give either")
    from pixelgen.engines import keep_memory
    from pixelgen.pixlab.server.app import create_app
    from pixelgen.pixlab.server.server import free_port, listen

    config = options.server_config(key)
    port = free_port(host, options.port)
    url = options.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def ready() -> None:
        if options.as_json:
            print_json({"url": url, "port": port})
        else:
            print_line(url)

    app = create_app(config) if options.quiet else create_app(config, report)
    keep_memory()  # or the pages of each answer would be mapped anew
    listen(app, host, port, ready)
    return 0


def _key(path: str | None) -> bytes | None:
    """Read the key of a file, or else of the environment."""
    if path is not None:
        from pixelgen.cli.keys import read_key

        return read_key(path).encode()
    return os.environ.get(KEY, "").strip().encode() or None


def _check_host(host: str) -> None:
    """Raise BadValue unless a host is one to listen on: an IP address or localhost."""
    import ipaddress

    try:
        if host != "localhost":
            ipaddress.ip_address(host)
    except ValueError:
        raise BadValue(
            f"invalid host {host!r}: must be localhost or an IP address such as 127.0.0.1"
        ) from None


def _names(options: ServeOptions) -> tuple[str, ...]:
    from urllib.parse import urlsplit

    public = urlsplit(options.public_url).hostname
    named = (options.host, public, *options.allow_host)
    return tuple(name.lower() for name in named if name)
