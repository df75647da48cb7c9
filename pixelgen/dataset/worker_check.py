"""What workers on other machines must share with this process: the store, and the encoder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pixelgen.engines import Check, Engine
from pixelgen.errors import BadValue, Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.storage import Store


@contextmanager
def checked_workers(job: Job, store: Store, engine: Engine) -> Iterator[tuple[Store, Check | None]]:
    """Yield the store as workers name it, and the check that each of them must pass.

    A directory that is not the same on two machines would lose what is written to it.

    Raises:
        BadValue: If workers may look up a relative path elsewhere.
    """
    if not engine.distributed:
        yield store, None
        return
    for source in job.image_sources:
        if not os.path.isabs(source.path):
            raise BadValue(
                "workers may be in another directory than this one: give the source"
                f" {source.path!r} as an absolute path that all of them see"
            )
    there, token = store.absolute(), os.urandom(16)
    with store.probe_file(token) as name:
        yield there, partial(_check_worker, job, there, name, token, job.encoder)


def _check_worker(job: Job, store: Store, name: str, token: bytes, encoder: str) -> None:
    """Raise PixelgenError in a worker that sees another store, or has another encoder."""
    try:
        is_seen = store.read(name, len(token)) == token
    except (OSError, Conflict):
        is_seen = False
    if not is_seen:
        raise PixelgenError(
            f"does not see {store.root} as this machine does; choose a directory that all machines"
            " share, under the same path, or an object store"
        )
    if job.encoder != encoder:
        raise PixelgenError(
            f"output would differ: it encodes by {job.encoder}, and this machine by {encoder};"
            " install the same versions everywhere"
        )
