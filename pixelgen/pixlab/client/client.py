"""The client: one image from the endpoint, in one or two requests, tried again where that helps.

What a try that failed is worth, and how often it is repeated, is said in
:mod:`pixelgen.pixlab.client.errors`. Every try is a request that PixLab bills.
"""

import secrets
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from pixelgen import __version__
from pixelgen.job import Job
from pixelgen.manifest_rows import members
from pixelgen.pixlab.client.errors import FINAL, Cancelled, Failure, Kind
from pixelgen.pixlab.client.rate_limit import Pace
from pixelgen.pixlab.client.response import (
    Picture,
    check,
    check_link,
    link_of,
    quiet_pillow,
    read_image,
)
from pixelgen.pixlab.client.secret import Secret
from pixelgen.pixlab.client.transport import Deadline, Wire
from pixelgen.pixlab_api import word

if TYPE_CHECKING:
    from collections.abc import Iterator

_JSON_BYTES = 64 << 10
_TRIES = 4  # a try may take this part of the time there is for an image
_AGENT = {"User-Agent": f"pixelgen/{__version__}", "Accept-Encoding": "identity"}


class Image(NamedTuple):
    """An image as it was fetched: its file's bytes, and its origin as of :class:`ImageRecord`."""

    data: bytes
    origin: str


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """How to ask: the key in a header or in the query, for the image itself or for a link to it.

    ``seconds`` is the time for one image, all tries and waits included; ``apart`` the time between
    two requests; ``at_once`` the most requests under way. Links to ``hosts`` are followed besides.
    """

    in_query: bool = False
    by_link: bool = False
    seconds: float = 240.0
    apart: float = 0.0
    at_once: int = 2
    hosts: tuple[str, ...] = ()


class Client:
    """Asks for images of a job; for use by any number of threads."""

    def __init__(self, job: Job, key: Secret, manner: ClientConfig) -> None:
        quiet_pillow()
        self._job = job
        self._key = key
        self._manner = manner
        self._wire = Wire(manner.at_once)
        self._pace = Pace(manner.apart)
        self._over = threading.Event()
        self._deadlines: set[Deadline] = set()
        self._most_bytes = most_bytes(job)

    @property
    def at_once(self) -> int:
        """The requests that may be under way at a time."""
        return self._manner.at_once

    @property
    def requests(self) -> int:
        """The requests made so far."""
        return self._pace.turns

    def image(self) -> Image:
        """Return an image; raise Failure once no further try would help, Cancelled if cancelled."""
        failures: Counter[Kind] = Counter()
        end = 0.0
        while True:
            self._wait(self._pace.turn())
            end = end or time.monotonic() + self._manner.seconds
            try:
                return self._ask(end - time.monotonic())
            except Failure as failure:
                failures[failure.kind] += 1
                pause = _pause(failure, failures.total())
                if failures[failure.kind] > failure.kind.retries:
                    raise
                if time.monotonic() + pause > end:
                    raise _hopeless(failure, pause) from None
                if failure.wait is not None:
                    self._pace.hold(pause)
                self._wait(pause)

    def give_up(self) -> None:
        """Begin nothing more: requests that wait for their turn end with Cancelled."""
        self._over.set()

    def cancel(self) -> None:
        """End the requests under way, too."""
        self._over.set()
        for deadline in tuple(self._deadlines):
            deadline.cancel()

    def _wait(self, seconds: float) -> None:
        if self._over.wait(seconds):
            raise Cancelled

    def _ask(self, seconds: float) -> Image:
        """Try once."""
        with self._deadline(seconds) as deadline:
            reply = self._wire.get(self._url(), self._headers(), self._cap(), deadline)
        told = check(reply, self._key)
        base = self._job.remote
        if not self._manner.by_link:
            if told is not None:
                raise Failure(FINAL, "it sent JSON where an image was asked for")
            picture = read_image(reply, self._job.format.name, self._job.width, self._job.height)
            return _image(picture, urlsplit(base).hostname, "")
        if told is None:
            raise Failure(FINAL, "its answer is no JSON")
        link, name = link_of(told)
        return self._follow(link, self._key.redact(name), seconds)

    def _follow(self, link: str, name: str, seconds: float) -> Image:
        """Fetch the image of a link, which gets no key."""
        base, hosts = self._job.remote, self._manner.hosts
        host = check_link(link, base, hosts).hostname or ""
        public = host not in (*hosts, urlsplit(base).hostname)
        with self._deadline(seconds) as deadline:
            reply = self._wire.get(link, _AGENT, self._most_bytes, deadline, public=public)
        if check(reply, self._key) is not None:
            raise Failure(FINAL, "its link leads to JSON, not to an image")
        picture = read_image(reply, self._job.format.name, self._job.width, self._job.height)
        return _image(picture, host, name)

    @contextmanager
    def _deadline(self, seconds: float) -> "Iterator[Deadline]":
        deadline = Deadline(min(seconds, self._manner.seconds / _TRIES))
        self._deadlines.add(deadline)
        try:
            if self._over.is_set():
                raise Cancelled
            yield deadline
        finally:
            self._deadlines.discard(deadline)

    def _url(self) -> str:
        job = self._job
        asked = {
            "width": str(job.width),
            "height": str(job.height),
            "export": job.format.name.upper(),
        }
        if job.color is not None:
            asked["color"] = word(job.color)
        if not self._manner.by_link:
            asked["blob"] = "true"
        if self._manner.in_query:
            asked["key"] = self._key.reveal()
        return f"{job.remote}/pixelgenerate?{urlencode(asked, quote_via=quote)}"

    def _headers(self) -> dict[str, str]:
        named = _AGENT | {"Accept": "application/json, image/*"}
        if not self._manner.in_query:
            named["WWW-Authenticate"] = self._key.reveal()
        return named

    def _cap(self) -> int:
        return _JSON_BYTES if self._manner.by_link else self._most_bytes


def most_bytes(job: Job) -> int:
    """Return the bytes that the file of an image has at most; more are not taken."""
    return 8 * job.width * job.height + (64 << 10)


def _image(picture: Picture, host: str | None, name: str) -> Image:
    """Put an image together with what its row tells: :data:`pixelgen.manifest_rows.FETCHED`."""
    told = {"mode": picture.mode, "depth": picture.depth, "host": host, "id": name, "status": 200}
    return Image(picture.data, members(told))


def _pause(failure: Failure, times: int) -> float:
    """Return the seconds to wait: as told, or twice as long each time, and up to a quarter more."""
    seconds = 2.0 ** (times - 1) if failure.wait is None else failure.wait
    return seconds * (1 + secrets.randbelow(250) / 1000)


def _hopeless(failure: Failure, pause: float) -> Failure:
    """Say that the next try would come too late."""
    told = f"{failure}; the next try, in {pause:,.0f} s, would be past --remote-timeout"
    return Failure(failure.kind, told)
