"""Repair: remake what :mod:`pixelgen.dataset.verify` finds wrong or missing in a set, from its job.

What is damaged is removed, and the set is put back in the making with all shards journalled that
are right; from there the writer goes on as after any interruption. So a repair that is interrupted
is gone on with by the same command, or by the one that made the set. Before anything is removed,
all that is wrong was made once, so that what cannot be remade here is refused and stays.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain

from pixelgen.dataset import journal, source_record, writer
from pixelgen.dataset.journal import JOURNAL, SUMS, Journal, file_hash, sums_of
from pixelgen.dataset.manifest import sum_of
from pixelgen.dataset.manifest_reader import Entry, cut, read
from pixelgen.dataset.plan import PLAN, PLAN_LIMIT, Plan, is_plan
from pixelgen.dataset.source_record import SOURCES
from pixelgen.dataset.verify import (
    Checked,
    Damage,
    check,
    check_remade,
    differing,
    index_of,
    planned,
    recorded,
)
from pixelgen.dataset.writer import Run, least_work, samples
from pixelgen.errors import Conflict, shell_path
from pixelgen.job import Job
from pixelgen.layouts import Sample, Shard
from pixelgen.storage import Store
from pixelgen.storage.lock import lock, remove_stale_lock

_MOST_DAMAGE = 1_000_000  # files and rows; what is damaged is kept in memory
_MENDABLE = 16 << 10  # bytes of a plan in which a wrong bit is searched for: each bit is tried


def mend(store: Store) -> tuple[Plan, list[Damage]]:
    """Mend the plan and the record of sources, if need be; return the plan, and what was mended.

    Raises Conflict where that cannot be done, PixelgenError where there is no set.
    """
    mended = [Damage(PLAN, "a bit was wrong")] if _mend_plan(store) else []
    plan = planned(store)
    if plan.job.sources and _mend_sources(store, plan):
        mended.append(Damage(SOURCES, "missing or damaged"))
    return plan, mended


def repair(plan: Plan, store: Store, run: Run, *, deep: bool = False) -> Iterator[Checked]:
    """Check a set and then remake what is damaged; yield what the check found, shard by shard.

    ``deep`` also compares every image with what the job says, as verify does. A set in the making
    is finished first. Raises Conflict, and changes nothing, for images of another version, for a
    plan that the sums contradict, and for what is under the set's names and cannot be the set's.
    """
    job = plan.job
    check_remade(job, store)
    lists = (job.manifest, *sums_of(job))
    if store.exists(JOURNAL) or not any(map(store.exists, lists)):  # nothing vouches for its files
        writer.write(job, store, run)
    damage: list[Damage] = []
    wrong: list[Shard] = []
    lacks_sums = bool(sums_of(job)) and store.size(SUMS) is None
    rest: list[str] = []
    is_listed = sum_of(store, job.manifest) == _hash_of(store, job.manifest)
    for checked in check(plan, store, run, deep=deep):
        damage += checked.damage
        _check_extent(job, store, checked, len(damage), is_listed)
        if checked.shard and (checked.damage or lacks_sums):  # they list files of many images
            wrong.append(checked.shard)
        if not checked.shard:
            rest += [name for name, _ in checked.damage]
        yield checked
    if not damage or run.stopped():
        remove_stale_lock(store)
        return
    plan.check_remakeable(store.root)
    _check_plan(store, damage)
    journal.settle_sources(store, plan)
    own = (PLAN, SOURCES, *lists)
    others = dict.fromkeys(chain(_spoilt(job, store, run, wrong), rest, _stale(job, store)))
    spoilt = [name for name in others if name not in own]
    for name in chain(lists, spoilt):
        _check_regular(store, name)
    with lock(store):
        if not store.exists(JOURNAL):  # as after another repair
            _reopen(job, store, spoilt, {shard.number for shard in wrong})
    writer.write(job, store, run)


def _hash_of(store: Store, name: str) -> str | None:
    """Return the SHA-256 of a file, None where there is none."""
    return None if store.size(name) is None else file_hash(store, name)


def _check_extent(job: Job, store: Store, checked: Checked, damages: int, is_listed: bool) -> None:
    """Refuse what is no repair: a plan that is not of this manifest, or to make nearly all anew."""
    if is_listed and any(name == job.manifest for name, _ in checked.damage):
        raise Conflict(
            f"{store.path(PLAN)} is not the plan of this dataset: {job.manifest} is as {SUMS} lists"
            " it, and says something else; put the old plan back"
        )
    if damages > _MOST_DAMAGE:
        raise Conflict(
            f"more than {_MOST_DAMAGE:,} files or rows are damaged; to make the dataset anew, run:"
            f" pixelgen generate --recipe {shell_path(store.path(PLAN))} -o DIRECTORY"
        )


def _check_plan(store: Store, damage: list[Damage]) -> None:
    """Refuse a plan that the sums contradict, unless all other files agree with it.

    To remake a dataset by the plan of another one would destroy it.
    """
    names = {name for name, _ in damage}
    if PLAN in names and names - {PLAN, SUMS}:
        raise Conflict(
            f"{store.path(PLAN)} is not the one that {SUMS} lists, and files differ from it; put"
            f" the old plan back or, if the plan is right, remove {store.path(SUMS)} and run the"
            " same command again"
        )


def _spoilt(job: Job, store: Store, run: Run, wrong: list[Shard]) -> list[str]:
    """Make the shards that are wrong, to learn that it can be done, and which files differ."""
    files = job.layout.container.files
    for name in chain.from_iterable(files(job.info, shard) for shard in wrong):
        _check_regular(store, name)
    numbers = {shard.number for shard in wrong}
    entries = cut(job, store.lines(job.manifest), store.lines(SUMS))
    todo = (entry for entry in entries if entry.shard.number in numbers)
    remake, work = partial(_remake, job, store), least_work(job, len(wrong))
    return list(chain.from_iterable(run.engine.map(remake, todo, work=work, jobs=run.workers)))


def _stale(job: Job, store: Store) -> Iterator[str]:
    """Yield the files of the index that would be others now, as the sums may list them too."""
    for name, data in index_of(job, store, job.manifest):
        if store.exists(name) and not store.content_equals(name, data):
            yield name


def _remake(job: Job, store: Store, entry: Entry) -> list[str]:
    """Make a shard again; return its files that are there with other bytes.

    Raises Conflict where nothing that was made is what the manifest or the sums list: then the
    images are of another version, though its name is the same.
    """
    record, wrong = read(job, entry)
    unknown = set(wrong)
    hashes = enumerate(record.hashes, entry.shard.start)
    known = {sha256 for index, sha256 in hashes if index not in unknown}
    if len(entry.sums) == len(entry.rows):  # a file an image
        known |= {line[:64].decode(errors="replace") for line in entry.sums if line}
    made: set[str] = set()
    images = _noted(samples(job, store, entry.shard), made)
    differ = differing(job, store, entry.shard, images)
    if known.isdisjoint(made):
        deque(images, maxlen=0)  # the comparison ends at the first byte that differs
    if known and known.isdisjoint(made):
        raise Conflict(
            f"the images in {store.root} are of another version and cannot be remade here: none of"
            f" those of shard {entry.shard.number} has the SHA-256 that is listed; nothing was"
            " changed"
        )
    return differ


def _noted(images: Iterable[Sample], made: set[str]) -> Iterator[Sample]:
    """Yield images, and add their SHA-256 to those that were made."""
    for image in images:
        made.add(image.sha256)
        yield image


def _check_regular(store: Store, name: str) -> None:
    if store.exists(name) and store.size(name) is None:
        raise Conflict(f"{store.path(name)} is no regular file; move it away")


def _reopen(job: Job, store: Store, spoilt: list[str], wrong: set[int]) -> None:
    """Put the set back in the making, without what is spoilt."""
    line = Journal(store, job).line
    staged = store.stage(JOURNAL, map(line, recorded(job, store, wrong)))
    for name in (*spoilt, job.manifest, *sums_of(job)):
        store.remove(name)
    store.publish(staged)


def _mend_plan(store: Store) -> bool:
    """Turn the bit that is wrong in a plan, which its CRC-32 tells.

    A plan that cannot be mended so raises Conflict.
    """
    if store.size(PLAN) is None:
        return False
    data = bytearray(store.read(PLAN, PLAN_LIMIT))
    if not any(data) or is_plan(bytes(data)):
        return False
    for bit in range(8 * len(data) if len(data) <= _MENDABLE else 0):
        data[bit // 8] ^= 1 << bit % 8
        if is_plan(bytes(data)):
            with lock(store):
                store.remove_stale_files("")
                store.overwrite(PLAN, bytes(data))
            return True
        data[bit // 8] ^= 1 << bit % 8
    raise Conflict(f"{store.path(PLAN)} is damaged beyond repair; put the old one back")


def _mend_sources(store: Store, plan: Plan) -> bool:
    """Write the record of the user's images anew if it is damaged and they are still the same."""
    job = plan.job
    _check_regular(store, SOURCES)
    if source_record.is_sound(store, job, plan.sources):
        return False
    # Where others are left out now than were then, the digest differs.
    source_record.look(job, skip_damaged=True)
    if source_record.digests(job) != list(plan.sources):
        raise Conflict(
            f"{store.path(SOURCES)} is damaged, and the images that {store.root} is made from are"
            " not what they were; put either back"
        )
    with lock(store):
        store.remove_stale_files("")
        store.remove(SOURCES)
        source_record.record(store, job)
    return True
