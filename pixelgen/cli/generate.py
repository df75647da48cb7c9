"""``pixelgen generate``: make a set."""

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.finish import parse_partition
from pixelgen.cli.options import (
    dated,
    draw_seed,
    look,
    look_options,
    read_recipe,
    run_options,
    set_options,
)
from pixelgen.cli.output import (
    Progress,
    emit,
    emit_json,
    emit_path,
    human_bytes,
    pluralize,
    report,
    tell_loaders,
    write,
)
from pixelgen.cli.remote import check_named_address, fetcher, remote_address, remote_options
from pixelgen.cli.signals import Stop
from pixelgen.cli.summary import append_summary, check_summary
from pixelgen.errors import AnotherJob, BadValue, shell_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixelgen.dataset.partition import Partition
    from pixelgen.dataset.writer import Outcome
    from pixelgen.formats import Data
    from pixelgen.job import Job
    from pixelgen.storage import Store

_DEFAULT_OUT = "negatives"
_REMOTE_BYTES = 4  # a pixel: PixLab sends RGBA where no color is asked for
_TRIED = 32  # images of a mix, to estimate the size of all


@click.command()
@set_options
@look_options
@run_options
@remote_options
def generate(**options: Any) -> int:
    """Make a set of images: the same job gives the same pixels on any machine.

    The same command again does nothing when the set is complete, and goes on with it when it was
    interrupted. Prints the path of the manifest, which is written last.
    """
    if options["blob"] and options["out"] not in (_DEFAULT_OUT, "-"):
        raise BadValue("--blob writes to standard output; leave out --out")
    fields = _fields(options)
    if options["blob"] or options["out"] == "-":
        return _to_stdout(_job(draw_seed(fields), options), options)
    if not options["out"]:
        raise BadValue("the output path is empty; name a directory, or a URL")
    from pixelgen.storage import open_store

    store = open_store(options["out"], options["durability"])
    job = _job(draw_seed(fields, partial(_seed_there, store, options)), options)
    _check_store(job, store, options)
    if options["shard"] is not None:
        options["portion"] = _portion(job, options)
    return _dry_run(job, store, options) if options["dry_run"] else _write(job, store, options)


def _seed_there(store: "Store", options: dict[str, Any]) -> int | None:
    """Return the seed of the dataset that is there, so that --seed random resumes it.

    None where there is none, or where --force replaces it. Raises BadValue for a partition that
    would draw a seed of its own.
    """
    from pixelgen.dataset.journal import is_finished
    from pixelgen.dataset.plan import read_plan

    plan = read_plan(store)
    if plan and not (options["force"] and is_finished(store, plan.job)):
        return plan.job.seed
    if options["shard"] is not None:
        raise BadValue(
            "--seed random cannot be combined with --shard: all runs of a dataset need the same"
            " seed; give a number"
        )
    return None


def _check_store(job: "Job", store: "Store", options: dict[str, Any]) -> None:
    """Raise BadValue for options that the store cannot support."""
    if job.remote and not store.appends_immediately:
        raise BadValue(
            f"--remote cannot write to {store.root}: downloaded images are paid for, and only a"
            " directory keeps each at once; use a directory for --out"
        )
    if options["force"] and not store.can_replace:
        raise BadValue(
            f"--force cannot replace a dataset in {store.root}; remove the objects yourself, or use"
            " a directory for --out"
        )


def _portion(job: "Job", options: dict[str, Any]) -> "Partition":
    """Return the portion that is to be made; refuse what is about all of the set."""
    if job.remote or options["force"]:
        what = "--force" if options["force"] else "--remote"
        raise BadValue(f"{what} is about a whole set; leave out --shard")
    return parse_partition(options["shard"])


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the recipe and the options, of which the options win.

    An address that a recipe names is compared with that of the options, and never asked.
    """
    address = remote_address(options)
    fields = read_recipe(options["recipe"]) if options["recipe"] is not None else {}
    if named := fields.pop("remote", None):
        check_named_address(str(named), address.get("remote"), options["recipe"])
    names = ("count", "format", "layout", "checksum", "label", "split")
    fields |= {name: options[name] for name in names if options[name] is not None}
    if options["trainer"]:
        from pixelgen.trainers import find_trainer

        own = find_trainer(options["trainer"]).layout
        fields["layout"] = f"{own},{fields['layout']}" if "layout" in fields else own
    return fields | look(options) | address


def _job(fields: dict[str, Any], options: dict[str, Any]) -> "Job":
    """Make the job, and say what of it is not as it may seem."""
    from pixelgen.job import Job

    job = dated(Job.parse(**fields))
    if options["skip_damaged"] and not job.sources:
        raise BadValue("--skip-damaged is for families that take your images; leave it out")
    _check_trainers(job, options)
    is_hidden = job.density == 1 and not any(each.has_coverage for each in job.family.families)
    if is_hidden and job.color is not None and job.color.alpha and not options["quiet"]:
        report(f"note: at density 1 nothing of the color {job.color} is to be seen")
    return job


def _check_trainers(job: "Job", options: dict[str, Any]) -> None:
    """Refuse what the trainer asked for would not take; of others, say what they would not."""
    from pixelgen.trainers import TRAINERS, find_trainer

    if options["trainer"]:
        for objection in find_trainer(options["trainer"]).objections(job):
            raise BadValue(objection)
    elif not options["quiet"]:
        for trainer in TRAINERS.values():
            if trainer.can_read_layout(job):
                for objection in trainer.objections(job):
                    report(f"note: {objection}")


def _write(job: "Job", store: "Store", options: dict[str, Any]) -> int:
    from pixelgen.dataset import writer
    from pixelgen.engines import parse_engine

    stop, partition = Stop("the same command finishes it"), options.get("portion")
    if options["summary"] is not None:
        check_summary(options["summary"])
    count = partition.images(job) if partition else job.count
    progress = Progress(count, "made", quiet=options["quiet"])
    run = writer.Run(
        parse_engine(options["engine"]), options["jobs"] or 0, progress.update, lambda: bool(stop),
        skip_damaged=options["skip_damaged"],
        note=(lambda _: None) if options["quiet"] else report,
    )  # fmt: skip
    source = None
    if job.remote:  # whose images are done when they come, not when they are written
        source = fetcher(job, options, progress.update, run.stopped)
        run = replace(run, progress=lambda *_: None, source=source)
    if options["verbose"] and not options["quiet"]:
        report(
            f"job {job.digest[:16]}: {job.shard_count:,} shards of {job.shard_size} images,"
            f" {run.workers} workers, {job.encoder or 'own'} encoder"
        )
    if options["force"]:
        from pixelgen.dataset.overwrite import clear

        clear(store, job, run)
    if stop:
        return stop.exit_code
    try:
        outcome = (
            writer.write_partition(job, store, run, partition)
            if partition
            else writer.write(job, store, run)
        )
    except AnotherJob as error:
        raise AnotherJob(f"{error}{_force_hint(store, options)}") from None
    finally:
        progress.close()
    if not outcome.complete:
        return stop.exit_code
    options["requests"] = source.requests if source else None
    _conclude(job, store, outcome, progress, options)
    return 0


def _force_hint(store: "Store", options: dict[str, Any]) -> str:
    """Return the way out that --force is, where it is one."""
    from pixelgen.dataset.journal import is_finished
    from pixelgen.dataset.plan import read_plan

    plan = read_plan(store)
    can_force = store.can_replace and options["shard"] is None
    if plan is None or not can_force or not is_finished(store, plan.job):
        return ""
    return ", or --force to replace that set"


def _conclude(
    job: "Job", store: "Store", outcome: "Outcome", progress: Progress, options: dict[str, Any]
) -> None:
    """Write the summary, if one is asked for, and give the result."""
    partition = options.get("portion")
    if options["summary"] is not None:
        where = f"{store.root}, shard {partition}" if partition else store.path(job.manifest)
        append_summary(options["summary"], job, outcome, progress, where)
    if partition:
        _tell_portion(job, partition, outcome, progress, options)
    else:
        _tell(job, store, outcome, progress, options)


def _tell(
    job: "Job", store: "Store", outcome: "Outcome", progress: Progress, options: dict[str, Any]
) -> None:
    """Say on stderr what was done, and give the result on stdout."""
    if not options["quiet"]:
        kept = f" ({outcome.found:,} were there)" if outcome.found else ""
        done = "sidecars added" if outcome.extended else "nothing to do"
        asked = f", {pluralize(options['requests'], 'request')}" if options["requests"] else ""
        report(
            f"{pluralize(outcome.made, 'image')}, {human_bytes(outcome.bytes)}{kept},"
            f" {progress.speed}{asked}"
            if outcome.made
            else f"{done}: {pluralize(job.count, 'image')} there already"
        )
        if job.count:
            tell_loaders(job, store, options["trainer"])
    if options["as_json"]:
        emit_json({
            "status": 200,
            "id": job.digest,
            "link": store.path(job.manifest),
            "count": job.count,
            "made": outcome.made,
            "found": outcome.found,
            "bytes": outcome.bytes,
            "seconds": round(progress.seconds, 3),
            **({"requests": options["requests"]} if job.remote else {}),
        })  # fmt: skip
    else:
        emit_path(store.path(job.manifest))


def _tell_portion(
    job: "Job",
    partition: "Partition",
    outcome: "Outcome",
    progress: Progress,
    options: dict[str, Any],
) -> None:
    """Say what was done of a set that is not whole yet, and how it becomes so."""
    if not options["quiet"]:
        kept = f" ({outcome.found:,} were there)" if outcome.found else ""
        report(
            f"shard {partition}: {pluralize(outcome.made, 'image')},"
            f" {human_bytes(outcome.bytes)}{kept}, {progress.speed}"
        )
        when = f"when all {partition.total:,} are done" if partition.total > 1 else "to complete it"
        report(f"{when}, run: pixelgen finish {shell_path(options['out'])}")
    if options["as_json"]:
        emit_json({
            "status": 202,
            "id": job.digest,
            "shard": str(partition),
            "count": partition.images(job),
            "made": outcome.made,
            "found": outcome.found,
            "bytes": outcome.bytes,
            "seconds": round(progress.seconds, 3),
        })  # fmt: skip


def _dry_run(job: "Job", store: "Store", options: dict[str, Any]) -> int:
    """Print the size of the job and what of it is done, without writing anything."""
    from pixelgen.dataset.source_record import look, recall

    if not recall(store, job):
        look(job, skip_damaged=options["skip_damaged"])
    expected = _expected_bytes(job)
    found = 0 if options["force"] else _found(job, store)
    if job.remote and found < job.count:
        from pixelgen.dataset.download_cache import count_cached

        found += count_cached(store, job)
    facts = {
        "count": job.count,
        "shards": job.shard_count,
        "bytes": expected,
        "found": found,
        "id": job.digest,
    }
    if options["as_json"]:
        emit_json(facts)
        return 0
    about = "about " if job.encoder or not job.family.is_fixed or job.remote else ""
    what = f"{job.mode}, {job.format}, {job.family}"
    if job.remote:
        what = f"{job.format}, from {job.remote}"
    verb = "is" if found == 1 else "are"
    emit(f"{pluralize(job.count, 'image')} of {job.width}x{job.height} {what}")
    emit(f"{pluralize(job.shard_count, 'shard')} of up to {pluralize(job.shard_size, 'image')}")
    emit(f"{'at most ' if job.remote else ''}{about}{expected:,} bytes ({human_bytes(expected)})")
    emit(f"{pluralize(found, 'image')} {verb} there already")
    if job.remote:
        emit(f"at least {pluralize(job.count - found, 'request')} to {job.remote}")
    return 0


def _found(job: "Job", store: "Store") -> int:
    """Return how many images are there."""
    from pixelgen.dataset.journal import is_finished, look, matching_plan
    from pixelgen.dataset.missing_files import check_present

    plan = matching_plan(store, job)
    if plan is None:
        return 0
    if not is_finished(store, job):
        return look(store, job).images
    check_present(plan.job, store)
    return job.count


def _expected_bytes(job: "Job") -> int:
    """Estimate the bytes of all files by those of the first, or by those of the pixels."""
    if job.remote:
        return job.count * job.width * job.height * _REMOTE_BYTES
    make, tried = job.maker(), range(min(job.count, 1 if job.family.is_fixed else _TRIED))
    return sum(len(make(index)) for index in tried) * job.count // max(len(tried), 1)


def _to_stdout(job: "Job", options: dict[str, Any]) -> int:
    """Write the image, or a tar stream of all, to standard output."""
    from pixelgen.dataset.source_record import look as look_at_sources
    from pixelgen.dataset.tar_stream import stream

    for name in ("dry_run", "as_json", "force", "shard", "summary"):
        if options[name]:
            raise BadValue(
                f"--{name.removeprefix('as_').replace('_', '-')} is about a directory; leave it out"
                " where standard output takes the image"
            )
    look_at_sources(job, skip_damaged=options["skip_damaged"])
    if sys.stdout is not None and sys.stdout.isatty():
        raise BadValue("standard output is a terminal: send the image to a file or a pipe")
    if job.remote:
        source = fetcher(job, options, lambda *_: None, lambda: False)
        images: Iterator[tuple[Data, str]] = (
            (image.data, image.origin) for _, image in source.images(range(job.count))
        )
    else:
        images = ((data, "") for data in map(job.maker(), range(job.count)))
    for data in stream(job, images):  # signals end this at once: a stream has nothing to keep
        write(data)
    return 0
