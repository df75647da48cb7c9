"""The request handler: routes, access, and making images.

The contract is that of PixLab's ``pixelgenerate`` and ``newimage``, as documented at
https://pixlab.io/endpoints/pixelgenerate: JSON with ``status``, ``link``, ``ssl_link`` and ``id``,
or under ``blob`` the image itself; errors are always JSON, and their status is HTTP's too.
"""

import hmac
import json
from functools import partial
from http import HTTPStatus

from pixelgen.errors import PixelgenError
from pixelgen.job import Job
from pixelgen.pixlab.server.config import ServerConfig
from pixelgen.pixlab.server.costs import check_cost, clear_table_caches
from pixelgen.pixlab.server.errors import HttpError, bad_request, busy
from pixelgen.pixlab.server.image_cache import CachedImage, ImageCache
from pixelgen.pixlab.server.openapi import openapi_document
from pixelgen.pixlab.server.origins import is_preflight
from pixelgen.pixlab.server.page import page
from pixelgen.pixlab.server.params import parse_job
from pixelgen.pixlab.server.parsing import parse_bool
from pixelgen.pixlab.server.requests import Request
from pixelgen.pixlab.server.responses import JSON_TYPE, ServerResponse, json_response
from pixelgen.pixlab.server.worker_threads import WorkerThreads

_LARGE = 1 / 4  # of the memory that an image may take: its tables are not kept for the next one
_IMAGE_PATHS = ("/pixelgenerate", "/newimage")


class RequestHandler:
    """Answers requests; holds what they share: the worker threads and the image cache."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._cache = ImageCache(config.cache_bytes, config.cache_seconds)
        self._workers = WorkerThreads(config.workers, config.queue_size)
        document = json.dumps(openapi_document()).encode()
        self._fixed = {
            "/": _page_response(),
            "/openapi.json": ServerResponse(200, JSON_TYPE, document),
            "/status": json_response({"status": 200}),
        }

    async def handle(self, request: Request) -> ServerResponse:
        """Return the response to a request, or raise HttpError."""
        if is_preflight(request.method, request.headers, self._config.allowed_origins):
            return json_response({"status": 200})
        if request.path in _IMAGE_PATHS:
            _check_method(request, "GET", "HEAD", "POST")
            self._check_key(request)
            return await self._make_image(request)
        cached = self._cache.get(request.path.rpartition("/")[2])
        if not cached and request.path not in self._fixed:
            raise HttpError(HTTPStatus.NOT_FOUND, "path not found; see /openapi.json")
        _check_method(request, "GET", "HEAD")
        return _image_response(cached) if cached else self._fixed[request.path]

    def _check_key(self, request: Request) -> None:
        if self._config.no_auth:
            return
        key = request.headers.get("www-authenticate") or request.fields.get("key", "")
        expected = key.encode() if self._config.key is None else self._config.key
        if not key or not hmac.compare_digest(key.encode(), expected):
            raise HttpError(HTTPStatus.UNAUTHORIZED, "Missing/Invalid PixLab API Key")

    async def _make_image(self, request: Request) -> ServerResponse:
        config = self._config
        job = parse_job(request.path, request.fields, config.max_pixels)
        as_blob = parse_bool(request.fields, "blob")
        cost = check_cost(job, config.max_seconds, config.max_bytes)
        is_large = cost.bytes > _LARGE * config.max_bytes
        render = _render_large if is_large else _render
        data = await self._workers.run(partial(render, job), request.receive)
        image = CachedImage(data, job.format.name)
        if as_blob:
            headers = (("x-pixelgen-job", json.dumps(job.to_dict())),)
            return _image_response(image)._replace(headers=headers)
        name = self._cache.put(image)
        link = f"{request.base_url}/media/{name}"
        return json_response({"status": 200, "link": link, "ssl_link": link, "id": name})


def _check_method(request: Request, *allowed: str) -> None:
    if request.method not in allowed:
        methods = ", ".join(allowed)
        message = f"method not allowed; use one of {methods}"
        raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, message, allow=methods)


def _render(job: Job) -> bytes:
    """Return the image file of a job; raise HttpError if that is impossible."""
    try:
        return bytes(job.maker()(0))
    except MemoryError:
        raise busy() from None
    except PixelgenError as error:
        raise bad_request(str(error)) from None


def _render_large(job: Job) -> bytes:
    """Return an image file whose tables would take too much memory to keep."""
    try:
        return _render(job)
    finally:
        clear_table_caches()


def _page_response() -> ServerResponse:
    text, policy = page()
    headers = (("content-security-policy", policy), ("referrer-policy", "no-referrer"))
    return ServerResponse(200, "text/html; charset=utf-8", text, headers)


def _image_response(image: CachedImage) -> ServerResponse:
    return ServerResponse(200, f"image/{image.format}", image.data)
