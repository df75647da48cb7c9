"""The threads that make images, and the requests that wait for one of them."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from threading import RLock
from typing import Any, TypeAlias

from pixelgen.pixlab.server.parsing import Refusal

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Made: TypeAlias = asyncio.Future[bytes]
Work: TypeAlias = Future[bytes]

# Seconds before a request is watched: to ask the server whether the client is still there takes a
# third of the time that a small image takes.
_UNWATCHED = 0.02


class ClientLeft(Exception):
    """The client closed its connection, so nobody needs the image."""


class WorkerThreads:
    """So many threads, and so many requests at most that wait for one, first come, first served.

    A thread that is done takes the next request by itself; the event loop would be slower.
    """

    def __init__(self, threads: int, queue: int) -> None:
        self._threads = ThreadPoolExecutor(threads)
        self._most_waiting = queue
        self._lock = RLock()  # for what follows; work that ends at once is finished under it
        self._idle = threads
        self._waiting: dict[Made, Callable[[], bytes]] = {}

    async def run(self, make: Callable[[], bytes], receive: Receive) -> bytes:
        """Run ``make`` in a thread when it is the request's turn, and return what it returns.

        Raises Refusal when too many wait, and ClientLeft when the client does not wait any more:
        then ``make`` is not run, or if it has begun its result is dropped.
        """
        loop = asyncio.get_running_loop()
        made: Made = loop.create_future()
        with self._lock:
            if not self._idle and len(self._waiting) >= self._most_waiting:
                raise busy()
            self._waiting[made] = make
            self._start(loop)
        watch = loop.call_later(_UNWATCHED, _watch, made, receive)
        try:
            return await made
        finally:
            watch.cancel()
            with self._lock:
                self._waiting.pop(made, None)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give an idle thread to the request that waits longest; needs the lock."""
        if self._idle and self._waiting:
            made, make = next(iter(self._waiting.items()))
            del self._waiting[made]
            self._idle -= 1
            work = self._threads.submit(make)
            work.add_done_callback(partial(self._finish, loop, made))

    def _finish(self, loop: asyncio.AbstractEventLoop, made: Made, work: Work) -> None:
        """Take the next request and hand the result of this one on; runs in the thread."""
        if loop.is_closed():
            return  # the server has stopped
        loop.call_soon_threadsafe(_hand_over, work, made)
        with self._lock:
            self._idle += 1
            self._start(loop)


def _watch(made: Made, receive: Receive) -> None:
    """End the wait for an image as soon as the client leaves."""

    def drop(_: object) -> None:
        if not made.done():
            made.set_exception(ClientLeft())

    if not made.done():
        leaving = asyncio.ensure_future(_wait_until_left(receive))
        leaving.add_done_callback(drop)
        made.add_done_callback(lambda _: leaving.cancel())


def _hand_over(work: Work, made: Made) -> None:
    """Hand a result on, unless its client has left."""
    if made.done():
        return
    error = work.exception()
    if error is None:
        made.set_result(work.result())
    else:
        made.set_exception(error)


def busy() -> Refusal:
    """Refuse a request that the server has no room for now."""
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE, "busy; try again in a second", **{"retry-after": "1"}
    )


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # what is left of a body that nobody reads
