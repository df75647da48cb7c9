"""The options of ``generate --remote``, and the fetcher that they ask for."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.options import Seconds, together
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

# fmt: off
remote_options = together([
    click.option("--remote", is_flag=True,
                 help="Fetch the images from PixLab's pixelgenerate, one billed request each, -j at"
                      " once (2 by default)."),
    click.option("--remote-url", metavar="URL",
                 help=f"Another endpoint, such as that of 'pixelgen serve'.  [env: {URL}]"),
    click.option("--remote-auth", type=click.Choice(["header", "query"]), default="header",
                 show_default=True, help="Where the key goes."),
    click.option("--remote-mode", type=click.Choice(["blob", "link"]), default="blob",
                 show_default=True, help="Have the image itself sent, or a link to it."),
    click.option("--remote-rate", metavar="N/s|N/min|N/h",
                 help="Most requests in a time: 7/min.  [default: no limit of our own]"),
    click.option("--remote-timeout", type=Seconds(0.1), default=240.0, show_default=True,
                 metavar="SECONDS", help="Time for one image, with all tries and waits."),
    click.option("--remote-allow-host", multiple=True, metavar="NAME",
                 help="Host that links may lead to, besides PixLab's."),
    click.option("--key", metavar="KEY",
                 help=f"The key itself, which shells and process lists keep: {KEY} or --key-file is"
                      " better."),
    click.option("--key-file", metavar="FILE",
                 help=f"File with the key, - for standard input; taken where {KEY} is not set."
                      "  [default: pixelgen/key in ~/.config]"),
])
# fmt: on


def remote_address(options: dict[str, Any]) -> dict[str, str]:
    """Return the field of a job that the options give; refuse such as are of no use without it."""
    if options["remote"]:
        if options["engine"] != "local":
            raise BadValue("the remote is asked by this process alone; leave out --engine")
        from pixelgen.pixlab_api import PIXLAB

        given = options["remote_url"]
        url = os.environ.get(URL, PIXLAB) if given is None else given
        if not url.strip():  # PixLab, which bills, is not what was meant
            named = URL if given is None else "--remote-url"
            raise BadValue(f"{named} is empty; give an address, or leave it out for {PIXLAB}")
        return {"remote": url}
    for name, default in _DEFAULTS.items():
        if options[name] != default:
            raise BadValue(f"--{name.replace('_', '-')} is about --remote; give that, too")
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
    options: dict[str, Any],
    progress: Callable[[int, int], object],
    stopped: Callable[[], bool],
) -> "Fetcher":
    """Return what fetches the images of a job; the key is looked for at the first."""
    from pixelgen.dataset.fetch import Fetcher
    from pixelgen.pixlab_api import PIXLAB

    def connect() -> "Client":
        client = _client(job, options)
        if job.remote == PIXLAB and not options["quiet"]:
            report(
                f"note: up to {pluralize(job.count, 'request')} to {PIXLAB}, and PixLab bills each"
            )
        return client

    return Fetcher(connect, progress, stopped)


def _client(job: "Job", options: dict[str, Any]) -> "Client":
    from pixelgen.pixlab.client.client import Client, ClientConfig
    from pixelgen.pixlab.client.rate_limit import parse_rate

    rate = options["remote_rate"]
    config = ClientConfig(
        key_in_query=options["remote_auth"] == "query", by_link=options["remote_mode"] == "link",
        timeout=options["remote_timeout"], interval=parse_rate(rate) if rate else 0.0,
        concurrency=options["jobs"] or ClientConfig.concurrency,
        allowed_hosts=options["remote_allow_host"],
    )  # fmt: skip
    return Client(job, _key(options), config)


def _key(options: dict[str, Any]) -> "Secret":
    """Find the key."""
    from pixelgen.cli.keys import own_key_file, read_key
    from pixelgen.pixlab.client.secret import Secret

    own = own_key_file()
    if options["key"] is not None:
        secret = Secret(options["key"])
        report("warning: --key is kept in shell histories and shown in process lists")
        return secret
    if in_environment := os.environ.get(KEY, "").strip():
        return Secret(in_environment)
    if options["key_file"] is not None:
        return Secret(read_key(options["key_file"]))
    if own and own.exists():
        return Secret(read_key(str(own)))
    kept = f", or put it in {own}" if own else ""
    raise BadValue(f"there is no key: set {KEY} or give --key-file{kept}; see console.pixlab.io")
