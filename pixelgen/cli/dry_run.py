"""``pixelgen generate --dry-run``: what would be made, and what exists already."""

from typing import TYPE_CHECKING

from pixelgen.cli.begun_change import report_begun_change
from pixelgen.cli.output import human_bytes, pluralize, print_json, print_line, report

if TYPE_CHECKING:
    from pixelgen.cli.generate_options import GenerateOptions
    from pixelgen.dataset.plan import Plan
    from pixelgen.job import Job
    from pixelgen.storage import Store

_REMOTE_BYTES = 4  # a pixel: PixLab sends RGBA where no color is asked for
_SAMPLED = 32  # images of a mixture, to estimate the size of all


def print_dry_run(job: "Job", store: "Store", options: "GenerateOptions") -> int:
    """Print the size of the job and what of it is done, without writing anything."""
    job, existing = _check_run(job, store, options)
    expected = _expected_bytes(job)
    if not options.quiet:
        report_begun_change(store)
    if options.as_json:
        print_json({
            "count": len(job),
            "shards": job.shard_count,
            "bytes": expected,
            "existing": existing,
            "id": job.digest,
        })  # fmt: skip
        return 0
    image = job.image
    about = "about " if job.encoder or not image.is_fixed or job.remote else ""
    what = f"{image.mode}, {job.format}, {image.family}"
    if job.remote:
        what = f"{job.format}, from {job.remote}"
    print_line(f"{pluralize(len(job), 'image')} of {image.size} {what}")
    shards, size = pluralize(job.shard_count, "shard"), pluralize(job.shard_size, "image")
    print_line(f"{shards} of up to {size}")
    most = "at most " if job.remote else ""
    print_line(f"{most}{about}{expected:,} bytes ({human_bytes(expected)})")
    exist = "exists" if existing == 1 else "exist"
    where = " in finished shards" if _is_unfinished(job, store) else ""
    print_line(f"{pluralize(existing, 'image')} already {exist}{where}")
    if job.remote:
        requests = pluralize(len(job) - existing, "request")
        print_line(f"at least {requests} to {job.remote}")
    return 0


def _check_run(job: "Job", store: "Store", options: "GenerateOptions") -> tuple["Job", int]:
    """Refuse what the run would refuse; return its job, and how many of the images exist."""
    from pixelgen.dataset.plan import Plan
    from pixelgen.dataset.resize import check_growth, is_growth, without_removed
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.dataset.source_record import bind_sources
    from pixelgen.engines import parse_engine

    parse_engine(options.engine)
    plan = Plan.read(store)
    known = None if options.force else plan
    job = without_removed(known, job) if known else job
    grows = known and options.partition is None and is_growth(known.job, job)
    there = known.job if known and grows else job
    if known:
        known.check_usable(there, store)
    job = bind_sources(job, store, RunConfig(skip_damaged=options.skip_damaged), known)
    if known and grows:
        check_growth(known, job, store)
    elif not options.force:
        _check_names(job, store, known)
    return job, _existing(there, store, known, options)


def _check_names(job: "Job", store: "Store", plan: "Plan | None") -> None:
    """Refuse a dataset, or new sidecars of one, whose names somebody else's files have."""
    from pixelgen.dataset.add_sidecars import check_addable
    from pixelgen.dataset.journal import Journal
    from pixelgen.dataset.plan import Plan, is_finished
    from pixelgen.dataset.writer import check_free

    if plan is None:
        target = Plan.of(job)
        if store.list_names(""):  # a directory that is new needs no look at each name
            check_free(target, job, store, Journal(store, target))
        return
    layout = plan.job.layout.with_sidecars(job.layout.sidecars)
    if layout != plan.job.layout and is_finished(store, plan.job):
        check_addable(plan, plan.job.with_sources(job.sources).with_layout(layout), store)


def _existing(job: "Job", store: "Store", plan: "Plan | None", options: "GenerateOptions") -> int:
    """Return how many images are there, or in the download cache."""
    from pixelgen.dataset.journal import replay_journals
    from pixelgen.dataset.lost_manifest import (
        check_restorable,
        describe_restoring,
        is_manifest_lost,
    )
    from pixelgen.dataset.missing_files import check_present, missing_files
    from pixelgen.dataset.plan import Plan, is_finished

    if plan and is_finished(store, job):
        check_present(plan.job, store)
        return len(job)
    if plan and is_manifest_lost(job, store):
        check_restorable(plan, job, store)
        if not options.quiet:
            report(describe_restoring(job, store))
        return len(job) - sum(each.images for each in missing_files(plan.job, store))
    existing = replay_journals(store, plan).images if plan else 0
    if job.remote:
        from pixelgen.dataset.download_cache import count_cached

        existing += count_cached(store, plan or Plan.of(job))
    return existing


def _is_unfinished(job: "Job", store: "Store") -> bool:
    """Return whether what exists is counted by shard, as the journals of a begun dataset do."""
    from pixelgen.dataset.journal import partitions
    from pixelgen.dataset.plan import JOURNAL

    return not job.remote and (store.exists(JOURNAL) or any(partitions(store)))


def _expected_bytes(job: "Job") -> int:
    """Estimate the bytes of all files by those of the first, or by those of the pixels."""
    if job.remote:
        return len(job) * job.image.width * job.image.height * _REMOTE_BYTES
    sampled = job.indices[: 1 if job.image.is_fixed else _SAMPLED]
    make = job.maker()
    return sum(len(make(index)) for index in sampled) * len(job) // max(len(sampled), 1)
