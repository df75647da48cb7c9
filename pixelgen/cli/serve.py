"""``pixelgen serve``: the PixLab endpoint on this machine."""

import os
from typing import Any

import click

from pixelgen.cli.options import Seconds, together
from pixelgen.cli.output import emit, emit_json, report
from pixelgen.errors import BadValue

KEY = "PIXELGEN_SERVE_KEY"

# fmt: off
_options = together([
    click.option("--host", default="127.0.0.1", show_default=True,
                 help="Address to listen on. One that others reach needs a key."),
    click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True,
                 help="Port; 0 takes a free one."),
    click.option("--key-file", metavar="FILE",
                 help=f"File with the key that requests must bring; {KEY} may hold it instead."
                      "  [default: any key that is not empty will do]"),
    click.option("--no-auth", is_flag=True, help="Ask for no key at all."),
    click.option("--public-url", default="", metavar="URL",
                 help="What links begin with.  [default: as the request names this machine]"),
    click.option("--allow-host", multiple=True, metavar="NAME",
                 help="Name that requests may call this machine by, besides localhost."),
    click.option("--allow-origin", multiple=True, metavar="ORIGIN",
                 help="Origin whose web pages may use this server, such as http://localhost:3000."
                      "  [default: none but the server's own]"),
    click.option("--max-pixels", type=click.IntRange(1, 1 << 27), default=1 << 24,
                 show_default=True, help="Largest image."),
    click.option("--max-seconds", type=Seconds(0), default=30.0, show_default=True,
                 help="CPU time that an image may take, as estimated before it is made."),
    click.option("--max-memory", type=click.IntRange(1), default=1 << 30, show_default=True,
                 help="Bytes that making an image may take, as estimated; in all, --jobs times as"
                      " many."),
    click.option("-j", "--jobs", type=click.IntRange(1), help="Images made at once.  [default: the"
                 " processors this process may use]"),
    click.option("--queue", type=click.IntRange(0), default=32, show_default=True,
                 help="Requests that wait for their turn; more are told to come again (503)."),
    click.option("--keep-bytes", type=click.IntRange(0), default=64 << 20, show_default=True,
                 help="Images kept in memory under their links; the oldest go first."),
    click.option("--keep-seconds", type=Seconds(0), default=3600.0, show_default=True,
                 help="How long an image is kept."),
    click.option("--json", "as_json", is_flag=True, help="Print the address as one JSON object."),
    click.option("-q", "--quiet", is_flag=True, help="Log no requests."),
])
# fmt: on


@click.command()
@_options
def serve(**options: Any) -> int:
    """Serve PixLab's pixelgenerate and newimage on this machine, offline.

    Prints its address once it answers, logs each request without its query on stderr, and runs
    until a signal ends it. Takes seed, noise and density besides PixLab's own parameters.
    """
    from pixelgen.pixlab_api import is_loopback

    host, key = options["host"], _key(options["key_file"])
    _check_host(host)
    if not (is_loopback(host) or key or options["no_auth"]):
        raise BadValue(
            f"others can reach {host}; give them a key by --key-file, or let anyone in by --no-auth"
        )
    if key and options["no_auth"]:
        raise BadValue("give either a key or --no-auth, not both")
    from pixelgen.engines import cores, keep_memory
    from pixelgen.pixlab.server.app import create_app
    from pixelgen.pixlab.server.config import ServerConfig
    from pixelgen.pixlab.server.origins import parse_origin
    from pixelgen.pixlab.server.server import free_port, listen

    config = ServerConfig(
        key=key, no_auth=options["no_auth"], allowed_hosts=_names(options),
        allowed_origins=tuple(map(parse_origin, options["allow_origin"])),
        public_url=options["public_url"],
        max_pixels=options["max_pixels"], max_seconds=options["max_seconds"],
        max_bytes=options["max_memory"], workers=options["jobs"] or cores(),
        queue_size=options["queue"], cache_bytes=options["keep_bytes"],
        cache_seconds=options["keep_seconds"],
    )  # fmt: skip
    port = free_port(host, options["port"])
    url = options["public_url"] or f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def ready() -> None:
        if options["as_json"]:
            emit_json({"status": 200, "link": url, "port": port})
        else:
            emit(url)

    app = create_app(config) if options["quiet"] else create_app(config, report)
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


def _names(options: dict[str, Any]) -> tuple[str, ...]:
    from urllib.parse import urlsplit

    public = urlsplit(options["public_url"]).hostname
    named = (options["host"], public, *options["allow_host"])
    return tuple(name.lower() for name in named if name)
