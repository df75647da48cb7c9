"""Fetch: the images of shards into the spool, some requests at a time."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain, islice

from pixelgen.dataset.download_cache import SPOOL, spool
from pixelgen.errors import Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.layouts import Shard
from pixelgen.pixlab.client.client import Client, Image
from pixelgen.pixlab.client.errors import Cancelled, Failure
from pixelgen.storage import Store

_TICK = 0.1  # seconds between two looks at whether to stop


class Fetcher:
    """Fetches what a run lacks.

    ``connect`` makes the client, once there is anything to ask for; ``progress`` is told one image
    and its bytes each time; once ``stopped`` is true, requests under way are dropped.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        progress: Callable[[int, int], object],
        stopped: Callable[[], bool],
    ) -> None:
        self._connect = connect
        self._progress = progress
        self._stopped = stopped
        self._client: Client | None = None
        self._first: list[Image] = []
        self._kept = 0

    @property
    def requests(self) -> int:
        """The requests made so far."""
        return self._client.requests if self._client else 0

    def look(self) -> None:
        """Ask for the first image, before anything is written; raise as :meth:`images` does.

        Asks only once: the image is kept until it is wanted.
        """
        if not self._first:
            self._first += [image for _, image in self.images([0])]

    def prepare(self, job: Job, store: Store, shards: Iterable[Shard]) -> Iterator[Shard]:
        """Yield each shard once all its images are in the spool; end early where stopped.

        Raises as :meth:`images` does; what came is kept.
        """
        for shard in shards:
            with spool(store, job, shard) as found:
                if found.missing:
                    _check_free(job, store, shard)
                for number, image in self.images(found.missing):
                    found.add(number, image)
                    self._kept += 1
                if found.missing:
                    return
            yield shard
        store.remove(SPOOL)

    def images(self, numbers: Iterable[int]) -> Iterator[tuple[int, Image]]:
        """Yield an image for each number, as they come; end early where stopped.

        Raises Refused or PixelgenError where the endpoint gives no more, after those under way.
        """
        left = iter(numbers)
        yield from ((number, self._first.pop()) for number in islice(left, len(self._first)))
        first = next(left, None)
        if first is None or self._stopped():
            return
        self._client = self._client or self._connect()
        with ThreadPoolExecutor(self._client.at_once) as pool:
            try:
                yield from self._ask(self._client, pool, chain([first], left))
            except BaseException:
                self._client.cancel()
                raise

    def _ask(
        self, client: Client, pool: ThreadPoolExecutor, left: Iterator[int]
    ) -> Iterator[tuple[int, Image]]:
        """Keep some requests under way until all images are there, one failed, or stopped."""
        flying: dict[Future[Image], int] = {}
        failures: list[Failure] = []
        is_over = False
        while True:
            room = 0 if is_over else client.at_once - len(flying)
            flying |= {pool.submit(client.image): number for number in islice(left, room)}
            if not flying:
                break
            for future in wait(flying, _TICK, FIRST_COMPLETED).done:
                number = flying.pop(future)
                if image := _taken(future, failures):
                    self._progress(1, len(image.data))
                    yield number, image
            if self._stopped():
                client.cancel()
            elif failures:
                client.give_up()
            is_over = bool(failures) or self._stopped()
        if failures and not self._stopped():
            raise self._told(failures[0])

    def _told(self, failure: Failure) -> Exception:
        """Say what failed, what came all the same, and what to do."""
        kept = ""
        if self._kept:
            kept = f"; images that came are kept ({self._kept:,}), and the same command goes on"
        way = ""
        if failure.kind.error is PixelgenError:
            way = (
                "; try again later, or make images on this machine: in another directory, without"
                " --remote and its options"
            )
        return failure.kind.error(f"the remote endpoint: {failure}{kept}{way}")


def _check_free(job: Job, store: Store, shard: Shard) -> None:
    """Refuse to ask for images whose place is taken: another image is never the same."""
    for name in job.layout.container.files(job.info, shard):
        if store.exists(name) and not store.is_blank(name):
            raise Conflict(
                f"{store.path(name)} is there, and nothing tells that it is of this set; move it"
                " away, or the whole set"
            )


def _taken(future: "Future[Image]", failures: list[Failure]) -> Image | None:
    """Return the image of a request that ended, or take note of its failure."""
    try:
        return future.result()
    except Failure as failure:
        failures.append(failure)
    except Cancelled:
        pass
    return None
