"""Repair: remake what :mod:`pixelgen.verify` finds wrong or missing in a set, from its job.

What is damaged is removed, and the set is put back in the making with all shards journalled that
are right; from there the writer goes on as after any interruption. So a repair that is interrupted
is gone on with by the same command, or by the one that made the set.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

from pixelgen import journal, sources, writer
from pixelgen.errors import Conflict
from pixelgen.job import Job
from pixelgen.journal import JOURNAL, MANIFEST, PLAN, SUMS, Journal, file_hash
from pixelgen.layouts import Shard
from pixelgen.lock import lock, release
from pixelgen.manifest import sum_of
from pixelgen.sources import SOURCES
from pixelgen.store import LocalStore
from pixelgen.verify import Checked, Damage, check, recorded
from pixelgen.writer import Run


def mend(store: LocalStore) -> tuple[Job, list[Damage]]:
    """Mend the plan and the record of sources, if need be; return the job, and what was mended.

    Raises Conflict where no sum vouches for a plan, or the user's images are gone.
    """
    mended = [Damage(PLAN, "a bit was wrong")] if _mend_plan(store) else []
    plan = journal.read_plan(store)
    if plan is None:
        raise Conflict(f"{store.path(PLAN)} is missing or empty; put the old one back")
    job = Job.parse(**plan["job"])
    if job.sources and _mend_sources(store, job, plan["sources"]):
        mended.append(Damage(SOURCES, "missing or damaged"))
    return job, mended


def repair(job: Job, store: LocalStore, run: Run, *, deep: bool = False) -> Iterator[Checked]:
    """Check a set and then remake what is damaged; yield what the check found, shard by shard.

    ``deep`` also compares every image with what the job says, as verify does. A set in the making
    is finished. Raises Conflict for bytes of another encoder, and for things other than files under
    the set's names.
    """
    damage: list[Damage] = []
    wrong: dict[int, Shard] = {}
    if not store.exists(JOURNAL):
        for checked in check(job, store, run, deep=deep):
            damage += checked.damage
            if checked.shard and checked.damage:
                wrong[checked.shard.number] = checked.shard
            yield checked
        if not damage or run.stopped():
            release(store)
            return
        journal.check_encoder(store, job)
        with lock(store):
            if not store.exists(JOURNAL):  # as after another repair
                _reopen(store, job, _damaged_files(job, damage, wrong), wrong)
    writer.write(job, store, run)


def _damaged_files(job: Job, damage: list[Damage], wrong: dict[int, Shard]) -> list[str]:
    """Return the files of wrong shards that are damaged, or have a member that is."""
    named = {name for name, _ in damage}
    named |= {name.rpartition("/")[0] for name in named}
    files = chain.from_iterable(job.layout.files(job.names, shard) for shard in wrong.values())
    return [file for file in files if file in named]


def _reopen(store: LocalStore, job: Job, damaged: list[str], wrong: dict[int, Shard]) -> None:
    """Put the set back in the making, without what is damaged."""
    for name in (*damaged, MANIFEST, SUMS):
        if store.exists(name) and store.size(name) is None:
            raise Conflict(f"{store.path(name)} is no regular file; move it away")
    for name in damaged:
        store.remove(name)
    line = Journal(store, job).line
    staged = store.stage(JOURNAL, map(line, recorded(job, store, wrong)))
    for name in (MANIFEST, SUMS):
        store.remove(name)
    store.publish(staged)


def _mend_plan(store: LocalStore) -> bool:
    """Turn the bit that is wrong in a plan, if its SHA-256 is then the one in the sums.

    A plan that cannot be mended so raises Conflict, unless it agrees with itself: then it is its
    sum that is damaged.
    """
    wanted = sum_of(store, PLAN)
    if not wanted or store.size(PLAN) is None or file_hash(store, PLAN) == wanted:
        return False
    data = bytearray(store.read(PLAN))
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        if hashlib.sha256(data).hexdigest() == wanted:
            with lock(store):
                store.sweep("")
                store.replace(PLAN, bytes(data))
            return True
        data[bit // 8] ^= 1 << bit % 8
    plan = journal.read_plan(store)
    if plan is None or plan["digest"] != Job.parse(**plan["job"]).digest:
        raise Conflict(f"{store.path(PLAN)} is damaged beyond repair; put the old one back")
    return False


def _mend_sources(store: LocalStore, job: Job, wanted: list[str]) -> bool:
    """Write the record of the user's images anew if it is damaged and they are still the same."""
    with suppress(Conflict):  # it cannot be read
        if sources.recall(store, job) and sources.digests(job) == wanted:
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
