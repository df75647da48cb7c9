"""Datasets made in this process, below the public functions."""

from pixelgen.dataset import overwrite, writer
from pixelgen.dataset.partition import Partition
from pixelgen.dataset.plan import Plan
from pixelgen.dataset.run_config import RunConfig
from pixelgen.dataset.writer import Outcome
from pixelgen.job import Job
from pixelgen.storage import Store


def read_plan(store: Store) -> Plan:
    """Return the plan of a dataset, which must have one."""
    plan = Plan.read(store)
    assert plan
    return plan


def write(job: Job, store: Store, run: RunConfig) -> Outcome:
    """Make a dataset, or resume it, as the command does: its plan is read first."""
    return writer.write(job, store, run, Plan.read(store))


def write_partition(job: Job, store: Store, run: RunConfig, partition: Partition) -> Outcome:
    """Make a partition, or resume it, as the command does: the plan is read first."""
    return writer.write_partition(job, store, run, Plan.read(store), partition)


def remove_existing(store: Store, new: Job, run: RunConfig) -> None:
    """Remove the finished dataset that is there, if there is one, as --force does."""
    if plan := Plan.read(store):
        overwrite.remove_existing(plan, new, store, run)
