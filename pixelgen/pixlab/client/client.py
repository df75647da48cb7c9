"""The client: one image from the endpoint, in one or two requests, with retries where they help.

How often a failure is retried, and how the command ends after it, is defined in
:mod:`pixelgen.pixlab.client.errors`. PixLab bills every request, retries included.
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
from pixelgen.pixlab.client.complete_image import silence_pillow_warnings
from pixelgen.pixlab.client.connection import Deadline
from pixelgen.pixlab.client.errors import PERMANENT, Cancelled, Failure, FailureKind
from pixelgen.pixlab.client.rate_limit import RateLimit
from pixelgen.pixlab.client.response import check_link, check_response, parse_link, read_image
from pixelgen.pixlab.client.secret import Secret
from pixelgen.pixlab.client.transport import Response, Transport
from pixelgen.pixlab_api import color_parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_JSON_BYTES = 64 << 10
_TRIES = 4  # a try may take this part of the time there is for an image
_COMMON_HEADERS = {"User-Agent": f"pixelgen/{__version__}", "Accept-Encoding": "identity"}


class FetchedImage(NamedTuple):
    """An image as it was fetched: its file's bytes, and its origin as of :class:`ImageRecord`."""

    data: bytes
    origin: str


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """How to make requests: the key in a header or the query, for the image or for a link to it.

    ``timeout`` is the seconds for one image, retries and waits included; ``interval`` the seconds
    between the starts of two requests; ``concurrency`` the most requests in progress at a time.
    Links to ``allowed_hosts`` are followed besides those to PixLab's.
    """

    key_in_query: bool = False
    by_link: bool = False
    timeout: float = 240.0
    interval: float = 0.0
    concurrency: int = 2
    allowed_hosts: tuple[str, ...] = ()


class Client:
    """Fetches the images of a job; may be used by any number of threads."""

    def __init__(self, job: Job, key: Secret, config: ClientConfig) -> None:
        silence_pillow_warnings()
        self._job = job
        self._key = key
        self._config = config
        self._transport = Transport(config.concurrency)
        self._rate_limit = RateLimit(config.interval)
        self._stopped = threading.Event()
        self._deadlines: set[Deadline] = set()
        self._max_bytes = max_image_bytes(job)

    @property
    def concurrency(self) -> int:
        """The most requests that may be in progress at a time."""
        return self._config.concurrency

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        return self._rate_limit.requests

    def fetch_image(self) -> FetchedImage:
        """Return an image; raise Failure once no retry would help, Cancelled if cancelled."""
        failures: Counter[FailureKind] = Counter()
        end = 0.0
        while True:
            self._wait(self._rate_limit.reserve())
            end = end or time.monotonic() + self._config.timeout
            try:
                return self._try_once(end - time.monotonic())
            except Failure as failure:
                failures[failure.kind] += 1
                delay = _retry_delay(failure, failures.total())
                if failures[failure.kind] > failure.kind.retries:
                    raise
                if time.monotonic() + delay > end:
                    raise _too_late(failure, delay) from None
                if failure.retry_after is not None:
                    self._rate_limit.pause(delay)
                self._wait(delay)

    def stop(self) -> None:
        """Start no more requests: those that wait for their start end with Cancelled."""
        self._stopped.set()

    def cancel(self) -> None:
        """End the requests in progress, too."""
        self._stopped.set()
        for deadline in tuple(self._deadlines):
            deadline.cancel()

    def _wait(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise Cancelled

    def _try_once(self, seconds: float) -> FetchedImage:
        by_link = self._config.by_link
        max_bytes = _MAX_JSON_BYTES if by_link else self._max_bytes
        with self._deadline(seconds) as deadline:
            response = self._transport.get(self._url(), self._headers(), max_bytes, deadline)
        payload = check_response(response, self._key)
        if by_link:
            if payload is None:
                raise Failure(PERMANENT, "the response is not JSON")
            link, image_id = parse_link(payload)
            return self._follow_link(link, self._key.redact(image_id), seconds)
        if payload is not None:
            raise Failure(PERMANENT, "the response is JSON instead of an image")
        return self._read(response, urlsplit(self._job.remote).hostname, "")

    def _follow_link(self, link: str, image_id: str, seconds: float) -> FetchedImage:
        """Fetch the image of a link, whose host does not get the key."""
        base, allowed_hosts = self._job.remote, self._config.allowed_hosts
        host = check_link(link, base, allowed_hosts).hostname or ""
        public_only = host not in (*allowed_hosts, urlsplit(base).hostname)
        with self._deadline(seconds) as deadline:
            response = self._transport.get(
                link, _COMMON_HEADERS, self._max_bytes, deadline, public_only=public_only
            )
        if check_response(response, self._key) is not None:
            raise Failure(PERMANENT, "the link leads to JSON instead of an image")
        return self._read(response, host, image_id)

    def _read(self, response: Response, host: str | None, image_id: str) -> FetchedImage:
        """Return the image of a response, and the columns that its manifest row adds: FETCHED."""
        job = self._job
        image = read_image(response, job.format.name, job.image.width, job.image.height)
        columns = {
            "mode": image.mode, "depth": image.depth, "host": host, "id": image_id, "status": 200,
        }  # fmt: skip
        return FetchedImage(image.data, members(columns))

    @contextmanager
    def _deadline(self, seconds: float) -> "Iterator[Deadline]":
        deadline = Deadline(min(seconds, self._config.timeout / _TRIES))
        self._deadlines.add(deadline)
        try:
            if self._stopped.is_set():
                raise Cancelled
            yield deadline
        finally:
            self._deadlines.discard(deadline)

    def _url(self) -> str:
        job = self._job
        parameters = {
            "width": str(job.image.width),
            "height": str(job.image.height),
            "export": job.format.name.upper(),
        }
        if job.image.color is not None:
            parameters["color"] = color_parameter(job.image.color)
        if not self._config.by_link:
            parameters["blob"] = "true"
        if self._config.key_in_query:
            parameters["key"] = self._key.reveal()
        return f"{job.remote}/pixelgenerate?{urlencode(parameters, quote_via=quote)}"

    def _headers(self) -> dict[str, str]:
        headers = _COMMON_HEADERS | {"Accept": "application/json, image/*"}
        if not self._config.key_in_query:
            headers["WWW-Authenticate"] = self._key.reveal()
        return headers


def max_image_bytes(job: Job) -> int:
    """Return the most bytes that the file of an image may have; a longer response is refused."""
    return 8 * job.image.width * job.image.height + (64 << 10)


def _retry_delay(failure: Failure, failures: int) -> float:
    """Return the delay that was asked for, or one that doubles; plus up to a quarter of it."""
    seconds = 2.0 ** (failures - 1) if failure.retry_after is None else failure.retry_after
    return seconds * (1 + secrets.randbelow(250) / 1000)


def _too_late(failure: Failure, delay: float) -> Failure:
    message = f"{failure}; the next retry, in {delay:,.0f} s, would exceed --remote-timeout"
    return Failure(failure.kind, message)
