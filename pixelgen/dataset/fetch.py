"""Fetch the images of shards into the download cache, with several requests at a time."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain, islice

from pixelgen.dataset.download_cache import DOWNLOAD_CACHE, open_download_cache
from pixelgen.dataset.plan import Plan
from pixelgen.errors import Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.layouts import Shard
from pixelgen.pixlab.client.client import Client, FetchedImage
from pixelgen.pixlab.client.errors import Cancelled, Failure
from pixelgen.storage import Store

_POLL_SECONDS = 0.1  # between two checks of whether to stop


class Fetcher:
    """Fetches the images that a run lacks.

    ``connect`` makes the client, once there is anything to fetch; ``progress`` is called with one
    image and its bytes each time; once ``stopped`` returns true, requests in progress are dropped.
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
        self._first: list[FetchedImage] = []
        self._cached = 0

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        return self._client.requests if self._client else 0

    def check_first_image(self) -> None:
        """Fetch the first image, before anything is written; raise as :meth:`images` does.

        It is fetched only once: the image is held until :meth:`images` needs it.
        """
        if not self._first:
            self._first += [image for _, image in self.images([0])]

    def prepare(self, plan: Plan, store: Store, shards: Iterable[Shard]) -> Iterator[Shard]:
        """Yield each shard once all its images are cached; end early where stopped.

        Raises as :meth:`images` does; the images fetched before that stay in the cache.
        """
        job = plan.job
        for shard in shards:
            with open_download_cache(store, job, shard) as cache:
                if cache.missing:
                    _check_not_taken(job, store, shard)
                for number, image in self.images(cache.missing):
                    cache.add(number, image)
                    self._cached += 1
                if cache.missing:
                    return
            yield shard
        store.remove(DOWNLOAD_CACHE)

    def images(self, numbers: Iterable[int]) -> Iterator[tuple[int, FetchedImage]]:
        """Yield an image for each number, as they arrive; end early where stopped.

        After a failure the requests in progress are completed; then Refused or PixelgenError is
        raised.
        """
        left = iter(numbers)
        yield from ((number, self._first.pop()) for number in islice(left, len(self._first)))
        first = next(left, None)
        if first is None or self._stopped():
            return
        self._client = self._client or self._connect()
        with ThreadPoolExecutor(self._client.concurrency) as pool:
            try:
                yield from self._fetch_all(self._client, pool, chain([first], left))
            except BaseException:
                self._client.cancel()
                raise

    def _fetch_all(
        self, client: Client, pool: ThreadPoolExecutor, left: Iterator[int]
    ) -> Iterator[tuple[int, FetchedImage]]:
        """Keep several requests in progress until all images are there, one failed, or stopped."""
        in_progress: dict[Future[FetchedImage], int] = {}
        failures: list[Failure] = []
        is_over = False
        while True:
            free = 0 if is_over else client.concurrency - len(in_progress)
            in_progress |= {pool.submit(client.fetch_image): n for n in islice(left, free)}
            if not in_progress:
                break
            for future in wait(in_progress, _POLL_SECONDS, FIRST_COMPLETED).done:
                number = in_progress.pop(future)
                if image := _image_or_failure(future, failures):
                    self._progress(1, len(image.data))
                    yield number, image
            if self._stopped():
                client.cancel()
            elif failures:
                client.stop()
            is_over = bool(failures) or self._stopped()
        if failures and not self._stopped():
            raise self._to_error(failures[0])

    def _to_error(self, failure: Failure) -> PixelgenError:
        """Return the error that says what failed, what is kept, and what to do."""
        kept = advice = ""
        if self._cached:
            kept = (
                f"; the images fetched so far are kept ({self._cached:,}): run the same command"
                " again to resume"
            )
        if failure.kind.error is PixelgenError:
            advice = (
                "; try again later, or generate the images on this machine: in another directory,"
                " without --remote and its options"
            )
        return failure.kind.error(f"the remote endpoint: {failure}{kept}{advice}")


def _check_not_taken(job: Job, store: Store, shard: Shard) -> None:
    """Refuse to fetch images whose files exist: a fetched image is never the same again."""
    for name in job.layout.container.files(job.info, shard):
        if store.exists(name) and not store.is_empty_or_zeros(name):
            raise Conflict(
                f"{store.path(name)} exists, but the dataset has no record of it; move it or the"
                " whole dataset away"
            )


def _image_or_failure(
    future: "Future[FetchedImage]", failures: list[Failure]
) -> FetchedImage | None:
    """Return the image of a request that ended, or append its failure."""
    try:
        return future.result()
    except Failure as failure:
        failures.append(failure)
    except Cancelled:
        pass
    return None
