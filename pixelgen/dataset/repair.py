"""Repair: remake what :mod:`pixelgen.dataset.verify` finds wrong or missing, from the job.

What is damaged is removed, and the dataset is made unfinished again, with a journal of all shards
that are right; from there the writer resumes as after any interruption. So a repair that is
interrupted is resumed by the same command, or by the one that made the dataset. Before anything is
removed, all that is wrong was made once, so that what cannot be remade here is refused and stays.
"""

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain

from pixelgen.dataset import writer
from pixelgen.dataset.existing_plan import check_generated, read_plan, way_to_plan
from pixelgen.dataset.journal import Journal
from pixelgen.dataset.lost_manifest import is_manifest_lost
from pixelgen.dataset.manifest import is_as_listed, listed_checksum
from pixelgen.dataset.manifest_reader import ShardLines, group_by_shard, read_rows
from pixelgen.dataset.plan import (
    JOURNAL,
    PLAN,
    PLAN_LIMIT,
    SUMS,
    Plan,
    checksum_files,
    is_plan,
    plan_text,
)
from pixelgen.dataset.run_config import Damage, RunConfig
from pixelgen.dataset.selection_record import MINING, SCORES, SELECTION, restore_selection
from pixelgen.dataset.source_record import (
    SOURCES,
    intact_records,
    job_with_sources,
    name_sources,
    read_sources,
    record_files,
    write_record,
)
from pixelgen.dataset.verify import (
    CheckResult,
    check,
    checked_records,
    differing,
    listed_sidecars,
)
from pixelgen.dataset.worker import make_samples
from pixelgen.dataset.worker_memory import workers_for
from pixelgen.dataset.writer import least_work, prepare_or_resume, resume
from pixelgen.errors import Conflict, shell_path
from pixelgen.job import Job
from pixelgen.layouts import Sample, Shard
from pixelgen.source_images import SourceCatalog
from pixelgen.storage import Store
from pixelgen.storage.checksums import sha256_of
from pixelgen.storage.lock import lock, remove_stale_lock

_MOST_DAMAGE = 1_000_000  # files and rows; what is damaged is kept in memory


def repair_plan(store: Store) -> tuple[Plan, list[Damage]]:
    """Restore the plan and the record of sources, if need be; return the plan, and what was wrong.

    Raises:
        Conflict: Where that cannot be done.
        BadValue: Where no dataset is.
    """
    repaired: list[Damage] = []
    try:
        plan = read_plan(store)
    except Conflict:
        if not _restore_plan(store):
            raise
        plan = read_plan(store)
        repaired.append(Damage(PLAN, "damaged"))
    _check_search(store, plan.job)
    intact = intact_records(store, plan)
    damaged = [name for name in record_files(plan.job) if name not in intact]
    if SOURCES in damaged:
        _restore_sources(store, plan)
    if SELECTION in damaged:
        selection = restore_selection(store, plan.job)
        _replace_record(store, SELECTION, SourceCatalog(selection=selection))
    repaired += [Damage(name, "missing or damaged") for name in damaged]
    return plan, repaired


def repair(
    plan: Plan, store: Store, run: RunConfig, *, deep: bool = False
) -> Iterator[CheckResult]:
    """Check a dataset and then remake what is damaged; yield what the check found, by shard.

    ``deep`` also compares every image with what the job says, as verify does. An unfinished dataset
    is finished first. Raises Conflict, and changes nothing, for images of another version, for a
    plan that SHA256SUMS contradicts, and for what is under the dataset's names and cannot be its
    own.
    """
    check_generated(plan.job, store)
    lists = (plan.job.manifest, *checksum_files(plan.job))
    if is_manifest_lost(plan.job, store):
        yield CheckResult(0, 0, [Damage(plan.job.manifest, "missing")])
    if store.exists(JOURNAL) or not any(map(store.exists, lists)):  # nothing vouches for its files
        writer.write(plan.job, store, run, plan)
    is_lost = store.size(plan.job.manifest) is None
    damage = [Damage(plan.job.manifest, "missing")] if is_lost else []
    wrong: list[Shard] = []
    rest: list[str] = []
    for result in _check_extent(plan, store, run, deep=deep):
        damage += result.damage
        if result.shard:
            wrong.append(result.shard)
        else:
            rest += [name for name, _ in result.damage]
        yield result
    if not damage or run.stopped():
        remove_stale_lock(store)
        return
    plan.check_remakeable(store.root)
    _check_plan(store, damage)
    _repair_damage(plan, store, run, wrong, rest)


def _repair_damage(
    plan: Plan, store: Store, run: RunConfig, wrong: list[Shard], rest: list[str]
) -> None:
    """Remake the shards that are wrong, and the ``rest`` of the files that are."""
    job = read_sources(plan, store)
    lists = (job.manifest, *checksum_files(job))
    names = dict.fromkeys(chain(_differing_files(plan, job, store, run, wrong), rest))
    damaged = [name for name in names if name not in (PLAN, *record_files(job), *lists)]
    for name in chain(lists, damaged):
        _check_regular(store, name)
    with lock(store):
        found = Plan.read(store, known=plan)
        done = Journal(store, plan)
        if found == plan and not store.exists(JOURNAL):  # else another process repairs it, too
            _reopen(job, store, done, damaged, {shard.number for shard in wrong})
        prepare_or_resume(plan, job, store, done, found)
        resume(plan, job, store, run, done)


def _hash_of(store: Store, name: str) -> str | None:
    """Return the SHA-256 of a file, None where it does not exist."""
    return None if store.size(name) is None else sha256_of(store.chunks(name))


def _check_extent(plan: Plan, store: Store, run: RunConfig, *, deep: bool) -> Iterator[CheckResult]:
    """Check a dataset; name the shard where something in it is to be made again.

    Refuses what would not be a repair: a plan of another manifest, or to make nearly all anew.

    Raises:
        Conflict: If the plan is not that of this dataset, or if too much is damaged.
    """
    job = plan.job
    lacks_sums = bool(checksum_files(job)) and store.size(SUMS) is None
    is_listed = listed_checksum(store, job.manifest) == _hash_of(store, job.manifest)
    count = 0
    is_lost = store.size(job.manifest) is None  # one damage, rather than one for each row
    for checked in check(plan, store, run, deep=deep):
        result = _without(job.manifest, checked) if is_lost else checked
        count += len(result.damage)
        if is_listed and any(name == job.manifest for name, _ in result.damage):
            raise Conflict(
                f"{store.path(PLAN)} is not the plan of this dataset: {job.manifest} is as {SUMS}"
                " lists it, and says something else; restore the plan"
            )
        if count > _MOST_DAMAGE:
            raise Conflict(
                f"more than {_MOST_DAMAGE:,} files or rows are damaged; to make the dataset anew,"
                f" run: pixelgen generate --recipe {shell_path(store.path(PLAN))} -o DIRECTORY"
            )
        is_right = not checked.damage and not lacks_sums  # checksums cover files of many images
        yield result._replace(shard=None) if is_right else result


def _without(name: str, result: CheckResult) -> CheckResult:
    """Return what a check found, but for the damages of one file."""
    return result._replace(damage=[each for each in result.damage if each.name != name])


def _check_plan(store: Store, damage: list[Damage]) -> None:
    """Refuse a plan that SHA256SUMS contradicts, unless all other files agree with it.

    To remake a dataset by the plan of another one would destroy it.

    Raises:
        Conflict: If it contradicts the plan, and other files do not agree with the plan.
    """
    names = {name for name, _ in damage}
    if PLAN in names and names - {PLAN, SUMS}:
        raise Conflict(
            f"{store.path(PLAN)} is not the one that {SUMS} lists, and files differ from it;"
            f" restore the plan or, if it is right, remove {store.path(SUMS)} and run the"
            " same command again"
        )


def _differing_files(
    plan: Plan, job: Job, store: Store, run: RunConfig, wrong: list[Shard]
) -> Iterator[str]:
    """Make the shards that are wrong, so that it is known that they can be.

    Yield their files that are there with other bytes, and the sidecars' files that are.
    """
    files = job.layout.container.files
    for name in chain.from_iterable(files(job.info, shard) for shard in wrong):
        _check_regular(store, name)
    numbers = {shard.number for shard in wrong}
    lines = group_by_shard(job, store.lines(job.manifest), store.lines(SUMS))
    todo = (entry for entry in lines if entry.shard.number in numbers)
    remake, work = partial(_remake, plan, store), least_work(job, len(wrong))
    jobs = workers_for(job, run, work.tasks)
    yield from chain.from_iterable(run.engine.map(remake, todo, work=work, jobs=jobs))
    # SHA256SUMS may list these as they are: they were made of rows that are wrong.
    for name, data in listed_sidecars(job, store, job.manifest):
        if store.exists(name) and not store.content_equals(name, data):
            yield name


def _remake(plan: Plan, store: Store, entry: ShardLines) -> list[str]:
    """Make a shard again; return its files that are there with other bytes.

    Raises:
        Conflict: Where nothing that was made is what the manifest or SHA256SUMS lists: then the
            images are of another version, though its name is the same.
    """
    job = job_with_sources(plan, store)
    record, wrong = read_rows(job, entry)
    unknown = set(wrong)
    hashes = zip(entry.shard.indices, record.hashes, strict=False)
    known = {sha256 for index, sha256 in hashes if index not in unknown}
    is_file_an_image = not job.layout.container.splits_shards  # a shard may have one image, too
    if is_file_an_image and len(entry.sums) == len(entry.rows):
        known |= {line[:64].decode(errors="replace") for line in entry.sums if line}
    made: set[str] = set()
    images = _add_hashes(make_samples(plan, store, entry.shard), made)
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


def _add_hashes(images: Iterable[Sample], made: set[str]) -> Iterator[Sample]:
    """Yield images, and add their SHA-256 to those that were made."""
    for image in images:
        made.add(image.sha256)
        yield image


def _check_regular(store: Store, name: str) -> None:
    if store.exists(name) and store.size(name) is None:
        raise Conflict(
            f"{store.path(name)} is not a regular file; move it away or, if it is a link to the"
            f" file, repair a copy without links: cp -rL {shell_path(store.root)} COPY"
        )


def _reopen(job: Job, store: Store, done: Journal, damaged: list[str], wrong: set[int]) -> None:
    """Make the dataset unfinished again, without the files that are damaged."""
    staged = store.stage(JOURNAL, map(done.line, checked_records(job, store, wrong)))
    for name in (*damaged, job.manifest, *checksum_files(job)):
        store.remove(name)
    store.publish(staged)


def _restore_plan(store: Store) -> bool:
    """Restore a damaged plan where SHA256SUMS has its checksum; return whether it was damaged.

    Raises:
        Conflict: Where the plan cannot be restored.
    """
    if store.size(PLAN) is None:
        return False
    data = store.read(PLAN, PLAN_LIMIT)
    if not any(data) or is_plan(data):
        return False
    try:
        text = plan_text(dict(json.loads(data)))
    except (ValueError, TypeError, RecursionError):
        text = b""
    if hashlib.sha256(text).hexdigest() != listed_checksum(store, PLAN):
        raise Conflict(
            f"{store.path(PLAN)} is damaged, and {SUMS} does not say what it was;"
            f" {way_to_plan(store, 'remove it and ')}"
        )
    with lock(store):
        store.remove_stale_files("")
        store.overwrite(PLAN, text)
    return True


def _restore_sources(store: Store, plan: Plan) -> None:
    """Write the record of the user's images anew if they are still the same."""
    # Where other images are skipped now than were then, the digest differs.
    sources = plan.job.scan_sources(skip_damaged=True).sources
    if sources.digests != plan.sources:
        state = "missing" if store.size(SOURCES) is None else "damaged"
        what = name_sources(plan.job)
        raise Conflict(
            f"{store.path(SOURCES)} is {state}, and the {what} that {store.root} is made from are"
            f" not what they were; restore {SOURCES} or the {what}, then run: pixelgen repair"
            f" {shell_path(store.root)}"
        )
    _replace_record(store, SOURCES, sources)


def _replace_record(store: Store, name: str, sources: SourceCatalog) -> None:
    """Write a record that is damaged anew."""
    _check_regular(store, name)
    with lock(store):
        store.remove_stale_files("")
        store.remove(name)
        write_record(store, sources)


def _check_search(store: Store, job: Job) -> None:
    """Refuse to repair a mined dataset without the files of its search, which cannot be made again.

    Raises:
        Conflict: If one of them is missing, or is not as SHA256SUMS lists it.
    """
    for name in (MINING, SCORES) if job.selection else ():
        _check_regular(store, name)
        if not is_as_listed(store, name):
            raise Conflict(
                f"{store.path(name)} is missing or damaged and cannot be made again without the"
                " model; restore it from a copy, or run the 'pixelgen mine' command again in"
                " another directory"
            )
