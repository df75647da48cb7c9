"""Repair: remake what :mod:`pixelgen.verify` finds wrong or missing in a set, from its job.

What is damaged is removed, and the set is put back in the making with all shards journalled that
are right; from there the writer goes on as after any interruption. So a repair that is interrupted
is gone on with by the same command, or by the one that made the set.
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain

from pixelgen import journal, sources, writer
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.journal import JOURNAL, PLAN, Journal, sums_of
from pixelgen.layouts import Shard
from pixelgen.lock import lock, release
from pixelgen.sources import SOURCES
from pixelgen.store import Store
from pixelgen.verify import Checked, Damage, check, check_remade, differing, planned, recorded
from pixelgen.writer import Run, least_work


def mend(store: Store) -> tuple[Job, list[Damage]]:
    """Mend the plan and the record of sources, if need be; return the job, and what was mended.

    Raises Conflict where that cannot be done, PixelgenError where there is no set.
    """
    mended = [Damage(PLAN, "a bit was wrong")] if _mend_plan(store) else []
    plan = planned(store)
    job = Job.parse(**plan["job"])
    if job.sources and _mend_sources(store, job, plan["sources"]):
        mended.append(Damage(SOURCES, "missing or damaged"))
    return job, mended


def repair(job: Job, store: Store, run: Run, *, deep: bool = False) -> Iterator[Checked]:
    """Check a set and then remake what is damaged; yield what the check found, shard by shard.

    ``deep`` also compares every image with what the job says, as verify does. A set in the making
    is finished first. Raises Conflict for bytes of another encoder, and for what is under the set's
    names and cannot be the set's.
    """
    check_remade(job)
    lists = (job.manifest, *sums_of(job))
    if store.exists(JOURNAL) or not any(map(store.exists, lists)):  # nothing vouches for its files
        writer.write(job, store, run)
    damage: list[Damage] = []
    wrong: list[Shard] = []
    rest: list[str] = []
    for checked in check(job, store, run, deep=deep):
        damage += checked.damage
        if checked.shard and checked.damage:
            wrong.append(checked.shard)
        if not checked.shard:
            rest += [name for name, _ in checked.damage]
        yield checked
    if not damage or run.stopped():
        release(store)
        return
    journal.check_encoder(store, job)
    own = (PLAN, SOURCES, *lists)
    spoilt = [*_spoilt(job, store, run, wrong), *(name for name in rest if name not in own)]
    with lock(store):
        if not store.exists(JOURNAL):  # as after another repair
            _reopen(job, store, spoilt, {shard.number for shard in wrong})
    writer.write(job, store, run)


def _spoilt(job: Job, store: Store, run: Run, wrong: list[Shard]) -> list[str]:
    """Make the shards that are wrong, to learn that it can be done, and which files differ."""
    files = job.layout.container.files
    for name in chain.from_iterable(files(job.roster, shard) for shard in wrong):
        _check_regular(store, name)
    work = least_work(job, len(wrong))
    make = partial(differing, job, store)
    return list(chain.from_iterable(run.engine.map(make, wrong, work=work, jobs=run.workers)))


def _check_regular(store: Store, name: str) -> None:
    if store.exists(name) and store.size(name) is None:
        raise Conflict(f"{store.path(name)} is no regular file; move it away")


def _reopen(job: Job, store: Store, spoilt: list[str], wrong: set[int]) -> None:
    """Put the set back in the making, without what is spoilt."""
    lists = (job.manifest, *sums_of(job))
    for name in chain(lists, spoilt):
        _check_regular(store, name)
    for name in spoilt:
        store.remove(name)
    line = Journal(store, job).line
    staged = store.stage(JOURNAL, map(line, recorded(job, store, wrong)))
    for name in lists:
        store.remove(name)
    store.publish(staged)


def _mend_plan(store: Store) -> bool:
    """Turn the bit that is wrong in a plan, which its CRC-32 tells.

    A plan that cannot be mended so raises Conflict.
    """
    if store.size(PLAN) is None:
        return False
    data = bytearray(store.read(PLAN))
    if not any(data) or journal.is_plan(bytes(data)):
        return False
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        if journal.is_plan(bytes(data)):
            with lock(store):
                store.sweep("")
                store.overwrite(PLAN, bytes(data))
            return True
        data[bit // 8] ^= 1 << bit % 8
    raise Conflict(f"{store.path(PLAN)} is damaged beyond repair; put the old one back")


def _mend_sources(store: Store, job: Job, wanted: list[str]) -> bool:
    """Write the record of the user's images anew if it is damaged and they are still the same."""
    _check_regular(store, SOURCES)
    if sources.is_sound(store, job, wanted):
        return False
    sources.look(job)
    if sources.digests(job) != wanted:
        raise Conflict(
            f"{store.path(SOURCES)} is damaged, and the images that {store.root} is made from are"
            " not what they were; put either back"
        )
    with lock(store):
        store.sweep("")
        store.remove(SOURCES)
        sources.record(store, job)
    return True
