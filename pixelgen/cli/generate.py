"""``pixelgen generate``: make a dataset."""

import os
import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.another_job import another_job_hint
from pixelgen.cli.beside import beside_fields, without_own
from pixelgen.cli.command import HeadedCommand, skip_damaged_option
from pixelgen.cli.generate_options import GenerateOptions, run_options
from pixelgen.cli.generate_result import Result, print_dataset, print_partition
from pixelgen.cli.job_notes import check_trainers, report_notes
from pixelgen.cli.layout_options import with_trainer_layout
from pixelgen.cli.options import (
    check_skip_damaged,
    count_option,
    dataset_options,
    image_options,
    read_recipe,
    replace_fields,
    start_option,
    with_epoch,
)
from pixelgen.cli.other_files import note_of_other_files
from pixelgen.cli.output import Progress, pluralize, report, reporter
from pixelgen.cli.remote import check_named_address, fetcher, remote_address, remote_options
from pixelgen.cli.signals import Stop
from pixelgen.cli.summary import append_summary, check_summary
from pixelgen.cli.unused_options import notes_of_unused_options
from pixelgen.errors import SYNONYMS, AnotherJob, BadValue, shell_path
from pixelgen.registry import to_spec

if TYPE_CHECKING:
    from pixelgen.dataset.fetch import Fetcher
    from pixelgen.dataset.partition import Partition
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.job import Job
    from pixelgen.storage import Store

_DEFAULT_OUT = "negatives"


class GenerateCommand(HeadedCommand):
    """The command, which names the option for an argument without one."""

    def describe_extra(self, argument: str, ctx: click.Context) -> str:
        """Return which option an argument is probably the value of."""
        option = "-o"
        if argument.isdecimal():
            option = "-n"
        elif re.fullmatch(r"\d+[xX]\d+", argument):
            option = "-s"
        return (
            f"unexpected argument {argument!r}: every value needs an option;"
            f" write {option} {shell_path(argument)}"
        )

    def suggest_option(self, name: str, given: Sequence[str]) -> str:
        """Return the option that does what another name says."""
        word = name.lstrip("-")
        if word in SYNONYMS["mode"]:
            return f"--mode {SYNONYMS['mode'][word][0]}"
        if word != "source":
            return ""
        following = [*given, "-"][given.index(name) + 1] if name in given else "-"
        folder = "DIR" if following.startswith("-") else to_spec(following)
        return f"--family {shlex.quote(f'patch_shuffle:source={folder}')}"


@click.command(
    cls=GenerateCommand,
    epilog="""\b
Examples:
  pixelgen generate -n 1000 -s 300x300 -o negatives
  pixelgen generate -n 200 -s 640 --for ultralytics -o backgrounds
  pixelgen generate -n 100 -s 64 --family default -f jpeg:quality=90 -o mixed
  pixelgen generate -n 100 -s 64 --layout webdataset:per_shard=50 -o shards
  pixelgen generate -n 1 -s 64 --color '#cef48e' -o - > one.png

SPEC is a name, with parameters if needed: jpeg, gaussian:sigma=20. See 'pixelgen list
families', and the same for presets, formats, layouts, trainers and engines.
""",
)
@count_option()
@start_option
@image_options()
@skip_damaged_option
@dataset_options
@run_options
@remote_options
def generate(**values: Any) -> int:
    """Generate a dataset of negative images, with a manifest.

    The same options give the same pixels on any machine. Run again, the command resumes an
    interrupted dataset and does nothing for a complete one. Prints the path of the manifest.
    """
    options = GenerateOptions(**values)
    if options.blob and options.out not in (_DEFAULT_OUT, "-"):
        raise BadValue("--blob writes to standard output and cannot be combined with --out")
    fields = _fields(options)
    if options.blob or options.out == "-":
        from pixelgen.cli.stream import write_stream

        return write_stream(_job(_with_seed(fields, None, options), options), options)
    if not options.out:
        raise BadValue("the output path is empty; name a directory, or a URL")
    from pixelgen.storage import open_store

    store = open_store(options.out, options.durability)
    job = _job(_with_seed(fields, store, options), options)
    _check_store(job, store, options)
    partition = _partition(job, options)
    try:
        if options.dry_run:
            from pixelgen.cli.dry_run import print_dry_run

            return print_dry_run(job, store, options)
        note = "" if options.quiet else note_of_other_files(job, store)
        exit_code = _generate(job, store, partition, options)
    except AnotherJob as error:
        raise AnotherJob(f"{error}{another_job_hint(job, store, options)}") from None
    if note:  # late, so that a refusal is one line
        report(note)
    return exit_code


def _fields(options: GenerateOptions) -> dict[str, Any]:
    """Return the fields of the recipe and the options, of which the options win.

    An address that a recipe names is compared with that of the options, and never asked.
    """
    address = remote_address(options)
    fields = read_recipe(options.recipe) if options.recipe is not None else {}
    if named := fields.pop("remote", None):
        check_named_address(str(named), address.get("remote"), str(options.recipe))
    if options.beside is not None:
        fields = without_own(fields)
    fields = replace_fields(fields, options.dataset_fields())
    fields = with_trainer_layout(fields, options.trainer)
    return options.with_limits(beside_fields(fields, options)) | address


def _with_seed(
    fields: dict[str, Any], store: "Store | None", options: GenerateOptions
) -> dict[str, Any]:
    """Replace the seed "random" by that of the dataset that is there, or else by a drawn one.

    So --seed random resumes a dataset; with --force it replaces a finished one.

    Raises:
        BadValue: For a partition that would draw a seed of its own.
    """
    if fields.get("seed") != "random":
        return fields
    from pixelgen.dataset.plan import Plan, is_finished
    from pixelgen.rng import draw_seed

    plan = Plan.read(store) if store else None
    if store and plan and not (options.force and is_finished(store, plan.job)):
        return fields | {"seed": plan.job.image.seed}
    if options.partition is not None:
        raise BadValue(
            "--seed random cannot be combined with --partition: all runs of a dataset need the same"
            " seed; give a number"
        )
    return fields | {"seed": draw_seed()}


def _job(fields: dict[str, Any], options: GenerateOptions) -> "Job":
    """Make the job, and note what of it is not as it may seem."""
    from pixelgen.job import Job

    job = with_epoch(Job.parse(**fields))
    check_skip_damaged(job, options.skip_damaged)
    check_trainers(job, options)
    if not options.quiet:
        report_notes(job)
        for note in notes_of_unused_options(job, options):
            report(note)
    return job


def _check_store(job: "Job", store: "Store", options: GenerateOptions) -> None:
    """Refuse what only a directory can be used for."""
    if job.remote and not store.appends_immediately:
        raise BadValue(
            f"--remote cannot write to {store.root}: downloaded images are paid for, and only a"
            " directory keeps each at once; use a directory for --out"
        )
    if options.force and not store.can_replace:
        raise BadValue(
            f"--force cannot replace a dataset in {store.root}; remove the objects yourself, or use"
            " a directory"
        )


def _partition(job: "Job", options: GenerateOptions) -> "Partition | None":
    """Return the partition that is to be made: I/N, or of a task of a Slurm job array."""
    if options.partition is None:
        return None
    if job.remote or options.force:
        what = "--force" if options.force else "--remote"
        raise BadValue(f"{what} cannot be combined with --partition")
    from pixelgen.dataset.partition import Partition

    if options.partition == "slurm":
        return Partition.of_slurm(os.environ)
    return Partition.parse(options.partition)


def _generate(
    job: "Job", store: "Store", partition: "Partition | None", options: GenerateOptions
) -> int:
    from pixelgen.dataset.api import generate as generate_dataset

    if options.summary is not None:
        check_summary(options.summary)
    stop = Stop("the same command finishes it")
    progress = Progress("created", quiet=options.quiet)
    fetch = None
    if job.remote:
        fetch = fetcher(job, options, progress.update, lambda: bool(stop))
    run = _run_config(options, partition, stop, fetch)
    if options.verbose and not options.quiet:
        from pixelgen.dataset.worker_memory import plan_workers

        workers = plan_workers(job, run, job.shard_count).workers
        report(
            f"{pluralize(job.shard_count, 'shard')} of up to {job.shard_size} images,"
            f" {pluralize(workers, 'worker')}, {job.encoder or 'own'} encoder"
        )
    # Fetched images are done when they come, not when they are written.
    update = None if fetch else progress.update
    try:
        manifest = generate_dataset(job, store, progress=update, run=run)
    finally:
        progress.close()
    if not manifest.is_complete:
        return stop.exit_code
    if options.summary is not None:
        where = f"{store.root}, partition {partition}" if partition else manifest.path
        append_summary(options.summary, job, manifest, progress.speed, where)
    requests = fetch.requests if fetch else None
    result = Result(job, store, manifest, progress, requests)
    if partition:
        print_partition(result, partition, options)
    else:
        print_dataset(result, options)
    return 0


def _run_config(
    options: GenerateOptions,
    partition: "Partition | None",
    stop: Stop,
    fetch: "Fetcher | None",
) -> "RunConfig":
    from pixelgen.dataset.run_config import RunConfig
    from pixelgen.engines import parse_engine

    return RunConfig(
        engine=parse_engine(options.engine),
        jobs=options.jobs or 0,
        stopped=lambda: bool(stop),
        fetcher=fetch,
        skip_damaged=options.skip_damaged,
        note=reporter(quiet=options.quiet),
        partition=partition,
        overwrite=options.force,
    )
