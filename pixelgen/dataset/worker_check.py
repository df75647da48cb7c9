"""What workers elsewhere must agree on with this process: the store that they see, the encoder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pixelgen.engines import Check, Engine
from pixelgen.errors import BadValue, Conflict, PixelgenError
from pixelgen.job import Job
from pixelgen.storage import Store


@contextmanager
def agreed(job: Job, store: Store, engine: Engine) -> Iterator[tuple[Store, Check | None]]:
    """Give the store as workers name it, and what each of them is to be checked by.

    A directory that is not the same on two machines would lose what is written to it.
    """
    if not engine.distributed:
        yield store, None
        return
    for path in job.sources:
        if not os.path.isabs(path):
            raise BadValue(
                f"workers may be in another directory than this one: give the source {path!r} as an"
                " absolute path that all of them see"
            )
    there, token = store.absolute(), os.urandom(16)
    with store.probe_file(token) as name:
        yield there, partial(_look, job, there, name, token, job.encoder)


def _look(job: Job, store: Store, name: str, token: bytes, encoder: str) -> None:
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
            f"encodes by {job.encoder}, and this machine by {encoder}: other bytes would come of"
            " it; install the same versions everywhere"
        )
