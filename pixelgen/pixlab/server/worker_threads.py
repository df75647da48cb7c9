"""The threads that make images, and the requests that wait for one of them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import RLock
from typing import TypeAlias

from pixelgen.pixlab.server.asgi import Receive
from pixelgen.pixlab.server.errors import busy

ImageFuture: TypeAlias = asyncio.Future[bytes]

# Seconds before a request is watched: to ask the server whether the client is still there takes a
# third of the time that a small image takes.
_WATCH_DELAY = 0.02


class ClientDisconnected(Exception):
    """The client closed its connection, so nobody needs the image."""


class WorkerThreads:
    """A number of threads, and at most ``queue_size`` requests that wait for one, in order.

    A thread that is done takes the next request by itself; the event loop would be slower.
    """

    def __init__(self, threads: int, queue_size: int) -> None:
        self._pool = ThreadPoolExecutor(threads)
        self._queue_size = queue_size
        self._lock = RLock()  # for what follows; work that ends at once is finished under it
        self._idle = threads
        self._waiting: dict[ImageFuture, Callable[[], bytes]] = {}

    async def run(self, render: Callable[[], bytes], receive: Receive) -> bytes:
        """Run ``render`` in a thread when it is the request's turn, and return what it returns.

        Raises HttpError when too many requests wait, and ClientDisconnected when the client has
        left: then ``render`` is not run, or if it has begun its result is dropped.
        """
        loop = asyncio.get_running_loop()
        future: ImageFuture = loop.create_future()
        with self._lock:
            if not self._idle and len(self._waiting) >= self._queue_size:
                raise busy()
            self._waiting[future] = render
            self._start_next(loop)
        watch = loop.call_later(_WATCH_DELAY, _watch_client, future, receive)
        try:
            return await future
        finally:
            watch.cancel()
            with self._lock:
                self._waiting.pop(future, None)

    def _start_next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give an idle thread to the request that waits longest; needs the lock."""
        if self._idle and self._waiting:
            future, render = next(iter(self._waiting.items()))
            del self._waiting[future]
            self._idle -= 1
            work = self._pool.submit(render)
            work.add_done_callback(partial(self._finish, loop, future))

    def _finish(
        self, loop: asyncio.AbstractEventLoop, future: ImageFuture, work: Future[bytes]
    ) -> None:
        """Deliver the result of this request and start the next one; runs in the thread."""
        if loop.is_closed():
            return  # the server has stopped
        loop.call_soon_threadsafe(_deliver, work, future)
        with self._lock:
            self._idle += 1
            self._start_next(loop)


def _watch_client(future: ImageFuture, receive: Receive) -> None:
    """End the wait for an image as soon as the client disconnects."""

    def drop(_: object) -> None:
        if not future.done():
            future.set_exception(ClientDisconnected())

    if not future.done():
        disconnect = asyncio.ensure_future(_wait_for_disconnect(receive))
        disconnect.add_done_callback(drop)
        future.add_done_callback(lambda _: disconnect.cancel())


def _deliver(work: Future[bytes], future: ImageFuture) -> None:
    """Copy a result, unless its client has disconnected."""
    if future.done():
        return
    error = work.exception()
    if error is None:
        future.set_result(work.result())
    else:
        future.set_exception(error)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # what is left of a body that nobody reads
