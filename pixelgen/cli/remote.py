"""The options of ``generate --remote``, and the fetcher that they ask for."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pixelgen.cli.command import HomePath, Seconds, headed, together
from pixelgen.cli.output import pluralize, report
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.dataset.fetch import Fetcher
    from pixelgen.job import Job
    from pixelgen.pixlab.client.client import Client
    from pixelgen.pixlab.client.secret import Secret

KEY = "PIXLAB_API_KEY"
URL = "PIXELGEN_REMOTE_URL"
_DEFAULTS: dict[str, object] = {
    "remote_url": None, "remote_auth": "header", "remote_mode": "blob", "remote_rate": None,
    "remote_timeout": 240.0, "remote_allow_host": (), "key": None, "key_file": None,
}  # fmt: skip

_pixlab = headed("PixLab")

# fmt: off
remote_options = together([
    _pixlab("--remote", is_flag=True,
            help="Fetch images from PixLab, which bills each; -j requests at once (2)."),
    _pixlab("--remote-url", metavar="URL",
            help=f"Address of another endpoint.  [env: {URL}]"),
    _pixlab("--remote-auth", type=click.Choice(["header", "query"]), default="header",
            show_default=True, help="Where the key is sent."),
    _pixlab("--remote-mode", type=click.Choice(["blob", "link"]), default="blob",
            show_default=True, help="Ask for the image itself or a link to it."),
    _pixlab("--remote-rate", metavar="RATE",
            help="Limit of requests: 2/s, 7/min or 100/h.  [default: none]"),
    _pixlab("--remote-timeout", type=Seconds(0.1), default=240.0, show_default=True,
            metavar="SECONDS", help="Time for one image, retries included."),
    _pixlab("--remote-allow-host", multiple=True, metavar="NAME",
            help="Host that links may lead to, besides PixLab's; repeatable."),
    _pixlab("--key", metavar="KEY",
            help=f"The key; {KEY} or --key-file keep it out of process lists."),
    _pixlab("--key-file", metavar="FILE", type=HomePath(allow_dash=True),
            help=f"File with the key, or - for standard input; used if {KEY} is not set."
                 "  [default: ~/.config/pixelgen/key]"),
])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class RemoteOptions:
    """How images are fetched from PixLab, and by how many requests at once."""

    remote: bool
    remote_url: str | None
    remote_auth: str
    remote_mode: str
    remote_rate: str | None
    remote_timeout: float
    remote_allow_host: tuple[str, ...]
    key: str | None
    key_file: str | None
    engine: str
    jobs: int | None
    quiet: bool


def remote_address(options: RemoteOptions) -> dict[str, str]:
    """Return the field of a job that the options give; refuse those that need --remote."""
    if options.remote:
        if options.engine != "local":
            raise BadValue(
                "--remote cannot be combined with --engine: this process alone asks the endpoint"
            )
        from pixelgen.pixlab_api import PIXLAB

        given = options.remote_url
        url = os.environ.get(URL, PIXLAB) if given is None else given
        if not url.strip():  # PixLab, which bills, is not what was meant
            named = URL if given is None else "--remote-url"
            raise BadValue(f"{named} is empty; give an address, or remove it for {PIXLAB}")
        return {"remote": url}
    for name, default in _DEFAULTS.items():
        if getattr(options, name) != default:
            raise BadValue(f"--{name.replace('_', '-')} needs --remote; give that, too")
    return {}


def check_named_address(named: str, asked: str | None, recipe: str) -> None:
    """Refuse a recipe that names another address than the options do: the key would go there."""
    from pixelgen.pixlab_api import parse_address

    if asked is None:
        raise BadValue(
            f"the recipe {recipe} is of images fetched from {named!r}; a recipe does not choose"
            " where the key is sent: add --remote, and --remote-url for another address than"
            " PixLab's"
        )
    if parse_address(named) != parse_address(asked):
        raise BadValue(
            f"the recipe {recipe} names the address {named!r}, and --remote asks {asked!r}; to ask"
            " the other one, give it as --remote-url"
        )


def fetcher(
    job: "Job",
    options: RemoteOptions,
    progress: Callable[[int, int, int], object],
    stopped: Callable[[], bool],
) -> "Fetcher":
    """Return what fetches the images of a job; the key is read before the first request."""
    from pixelgen.dataset.fetch import Fetcher
    from pixelgen.pixlab_api import PIXLAB

    def connect() -> "Client":
        client = _client(job, options)
        if job.remote == PIXLAB and not options.quiet:
            report(
                f"note: up to {pluralize(len(job), 'request')} to {PIXLAB}, and PixLab bills each"
            )
        return client

    return Fetcher(connect, lambda images, size: progress(images, size, len(job)), stopped)


def _client(job: "Job", options: RemoteOptions) -> "Client":
    from pixelgen.pixlab.client.client import Client, ClientConfig
    from pixelgen.pixlab.client.rate_limit import parse_rate

    rate = options.remote_rate
    config = ClientConfig(
        key_in_query=options.remote_auth == "query",
        by_link=options.remote_mode == "link",
        timeout=options.remote_timeout,
        interval=parse_rate(rate) if rate else 0.0,
        concurrency=options.jobs or ClientConfig.concurrency,
        allowed_hosts=options.remote_allow_host,
    )
    return Client(job, _key(options), config)


def _key(options: RemoteOptions) -> "Secret":
    """Find the key."""
    from pixelgen.cli.keys import own_key_file, read_key
    from pixelgen.pixlab.client.secret import Secret

    if options.key is not None and options.key_file is not None:
        raise BadValue("--key cannot be combined with --key-file; give either")
    own = own_key_file()
    if options.key is not None:
        secret = Secret(options.key)
        report("warning: --key is kept in shell histories and shown in process lists")
        return secret
    if in_environment := os.environ.get(KEY, "").strip():
        return Secret(in_environment)
    if options.key_file is not None:
        return Secret(read_key(options.key_file))
    if own and own.exists():
        return Secret(read_key(str(own)))
    kept = f", or put it in {own}" if own else ""
    raise BadValue(f"the key is missing: set {KEY} or give --key-file{kept}; see console.pixlab.io")
