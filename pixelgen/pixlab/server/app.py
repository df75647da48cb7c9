"""The endpoint as an ASGI application: routes, access, and what an answer looks like.

The contract is that of PixLab's ``pixelgenerate`` and ``newimage``, as documented at
https://pixlab.io/endpoints/pixelgenerate: JSON with ``status``, ``link``, ``ssl_link`` and ``id``,
or under ``blob`` the image itself; errors are always JSON, and their status is HTTP's too.
"""

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

from pixelgen.errors import PixelgenError
from pixelgen.job import Job
from pixelgen.pixlab.server.costs import check_cost, forget_tables
from pixelgen.pixlab.server.headers import check_target, parse_host, read_headers
from pixelgen.pixlab.server.image_cache import Picture, Shelf
from pixelgen.pixlab.server.openapi import description
from pixelgen.pixlab.server.origins import (
    Headers,
    check_site,
    cors_headers,
    is_preflight,
    origin_of,
)
from pixelgen.pixlab.server.page import page
from pixelgen.pixlab.server.params import job_of
from pixelgen.pixlab.server.parsing import Fields, Refusal, bad, from_body, from_query, truth
from pixelgen.pixlab.server.worker_threads import ClientLeft, Message, Receive, WorkerThreads, busy

Send: TypeAlias = Callable[[Message], Awaitable[None]]
Endpoint: TypeAlias = Callable[[Message, Receive, Send], Coroutine[Any, Any, None]]

BODY_LIMIT = 64 << 10
PIECE = 256 << 10
PATIENCE = 10.0  # seconds for a client to send its body, and to take each piece of the answer
_LARGE = 1 / 4  # of the memory that an image may take: its tables are not kept for the next one
_CLIENT_LEFT = 499  # as nginx logs it
_JSON = "application/json"  # to the letter: clients compare the whole of it
_MAKERS = ("/pixelgenerate", "/newimage")
_OPEN = ("/", "/openapi.json", "/status")  # the same for everyone, pages of other origins included
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """What is served, to whom, and how much of it at a time.

    ``key`` is the one key that is taken; None takes any that is not empty, and with ``open`` none
    is asked for. ``hosts`` are the names that a request may call this machine by, besides those of
    the loopback; ``origins`` are those whose pages a browser may send requests for, besides the
    server's own. At most ``makers`` images are made at once and ``queue`` wait; none may take more
    than an estimated ``most_seconds`` of CPU time or ``most_bytes`` of memory.
    """

    key: bytes | None = None
    open: bool = False
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    public_url: str = ""
    most_pixels: int = 1 << 24
    most_seconds: float = 30.0
    most_bytes: int = 1 << 30
    makers: int = 1
    queue: int = 32
    kept_bytes: int = 64 << 20
    kept_seconds: float = 3600.0


class Answer(NamedTuple):
    """What goes back: the status, the type and the bytes of the body, and further headers."""

    status: int
    type: str
    body: bytes
    headers: Headers = ()


class Request(NamedTuple):
    """What came: method and path, headers by lower-case name, the fields, and where it came to.

    ``receive`` tells when the client leaves.
    """

    method: str
    path: str
    headers: dict[str, str]
    fields: Fields
    base: str
    receive: Receive


def endpoint(rules: ServerConfig, log: Callable[[str], object] = lambda _: None) -> Endpoint:
    """Return the application; ``log`` is told each request in a line, without its query."""
    desk = RequestHandler(rules)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun = time.monotonic()
        answer = await _answer(scope, receive, rules, desk)
        sent = b"" if scope["method"] == "HEAD" else answer.body
        client = (scope.get("client") or ("-",))[0]
        log(
            f"{client} {scope['method']} {quote(scope['path'])} {answer.status} {len(sent)}"
            f" {1000 * (time.monotonic() - begun):.0f}ms"
        )
        await _send(send, answer, sent)

    return app


async def _answer(
    scope: Message, receive: Receive, rules: ServerConfig, desk: "RequestHandler"
) -> Answer:
    """Answer a request, or refuse it."""
    try:
        headers = read_headers(scope["headers"])
    except Refusal as refusal:
        return _refused(refusal)
    try:
        answer = await desk.answer(await _read(scope, headers, receive, rules))
    except Refusal as refusal:
        answer = _refused(refusal)
    except ClientLeft:
        return Answer(_CLIENT_LEFT, _JSON, b"")  # for the log alone
    cors = cors_headers(scope["method"], headers, rules.origins)
    return answer._replace(headers=answer.headers + cors)


class RequestHandler:
    """What requests share: the threads that make images, and the images that are kept."""

    def __init__(self, rules: ServerConfig) -> None:
        self._rules = rules
        self._shelf = Shelf(rules.kept_bytes, rules.kept_seconds)
        self._makers = WorkerThreads(rules.makers, rules.queue)
        self._fixed = {
            "/": _page(),
            "/openapi.json": Answer(200, _JSON, json.dumps(description()).encode()),
            "/status": _json({"status": 200}),
        }

    async def answer(self, request: Request) -> Answer:
        """Answer a request, or raise Refusal."""
        if is_preflight(request.method, request.headers, self._rules.origins):
            return _json({"status": 200})
        is_maker = request.path in _MAKERS
        allowed = ("GET", "HEAD", "POST") if is_maker else ("GET", "HEAD")
        kept = None if is_maker else self._shelf.get(request.path.rpartition("/")[2])
        if not (is_maker or kept or request.path in self._fixed):
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing under this path")
        if request.method not in allowed:
            told = ", ".join(allowed)
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"the methods here are {told}", allow=told)
        if kept:
            return _image(kept)
        if not is_maker:
            return self._fixed[request.path]
        self._check_key(request)
        return await self._make(request)

    def _check_key(self, request: Request) -> None:
        if self._rules.open:
            return
        given = request.headers.get("www-authenticate") or request.fields.get("key", "")
        wanted = given.encode() if self._rules.key is None else self._rules.key
        if not given or not hmac.compare_digest(given.encode(), wanted):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Missing/Invalid PixLab API Key")

    async def _make(self, request: Request) -> Answer:
        job = job_of(request.path, request.fields, self._rules.most_pixels)
        as_blob = truth(request.fields, "blob")
        cost = check_cost(job, self._rules.most_seconds, self._rules.most_bytes)
        is_large = cost.bytes > _LARGE * self._rules.most_bytes
        make = _make_large if is_large else _make
        data = await self._makers.run(partial(make, job), request.receive)
        picture = Picture(data, job.format.name)
        if as_blob:
            return _image(picture)._replace(
                headers=(("x-pixelgen-job", json.dumps(job.to_dict())),)
            )
        name = self._shelf.put(picture)
        link = f"{request.base}/media/{name}"
        return _json({"status": 200, "link": link, "ssl_link": link, "id": name})


def _make(job: Job) -> bytes:
    """Make the image of a job; raise Refusal where that is impossible."""
    try:
        return bytes(job.maker()(0))
    except MemoryError:
        raise busy() from None
    except PixelgenError as error:
        raise bad(str(error)) from None


def _make_large(job: Job) -> bytes:
    """Make an image whose tables would take too much memory to keep."""
    try:
        return _make(job)
    finally:
        forget_tables()


async def _read(
    scope: Message, headers: dict[str, str], receive: Receive, rules: ServerConfig
) -> Request:
    """Read a request whole; raise Refusal for one that is too large, too slow or not for us."""
    query = scope.get("query_string", b"")
    check_target(scope["path"], query)
    base = _base(scope, headers, rules)
    fields = from_query(query)
    if scope["method"] == "POST":
        try:
            body = await asyncio.wait_for(_body(receive), PATIENCE)
        except TimeoutError:
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, "the body took too long to come") from None
        fields |= from_body(headers.get("content-type", ""), body)
    return Request(scope["method"], scope["path"], headers, fields, base, receive)


def _base(scope: Message, headers: dict[str, str], rules: ServerConfig) -> str:
    """Return what links begin with; raise Refusal for a request of or for somebody else."""
    host, scheme = headers.get("host", ""), scope.get("scheme", "http")
    name = parse_host(host)
    if name not in (*_LOCAL, *rules.hosts):
        raise bad(
            f"Host {name[:60]!r} is not a name of this server; use localhost, or start the server"
            " with --allow-host"
        )
    base = rules.public_url.rstrip("/") or f"{scheme}://{host}"
    if scope["path"] not in _OPEN:
        public = urlsplit(base)
        own = (origin_of(scheme, host), origin_of(public.scheme, public.netloc))
        check_site(headers, own, rules.origins)
    return base


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":  # a malformed chunk ends so, too
            raise bad("the body ends early or is malformed; send as many bytes as are announced")
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise bad(f"the body is longer than {BODY_LIMIT:,} bytes")
        if not message.get("more_body"):
            return bytes(body)


def _refused(refusal: Refusal) -> Answer:
    answer = _json({"status": refusal.status.value, "error": str(refusal)})
    return answer._replace(headers=tuple(refusal.headers.items()))


def _json(value: dict[str, Any]) -> Answer:
    return Answer(value["status"], _JSON, json.dumps(value).encode())


def _page() -> Answer:
    text, policy = page()
    headers = (("content-security-policy", policy), ("referrer-policy", "no-referrer"))
    return Answer(200, "text/html; charset=utf-8", text, headers)


def _image(picture: Picture) -> Answer:
    return Answer(200, f"image/{picture.format}", picture.data)


async def _send(send: Send, answer: Answer, body: bytes) -> None:
    """Send an answer a piece at a time; leave a client that does not take them."""
    headers = (
        ("content-type", answer.type),
        ("content-length", str(len(answer.body))),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        *answer.headers,
    )
    spelled = [(name.encode(), value.encode()) for name, value in headers]
    start = {"type": "http.response.start", "status": answer.status, "headers": spelled}
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(PATIENCE) as patience:
            await send(start)
            for place in range(0, len(body) or 1, PIECE):
                piece = body[place : place + PIECE]
                is_last = place + PIECE >= len(body)
                await send({"type": "http.response.body", "body": piece, "more_body": not is_last})
                patience.reschedule(loop.time() + PATIENCE)
    except TimeoutError:
        return
