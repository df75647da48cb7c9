"""The options of ``pixelgen generate``."""

from dataclasses import dataclass

from pixelgen.cli.command import (
    ComponentName,
    HomePath,
    durability_option,
    headed,
    jobs_option,
    json_option,
    quiet_option,
    together,
)
from pixelgen.cli.options import DatasetOptions
from pixelgen.cli.remote import RemoteOptions

_run = headed("Running")

# fmt: off
run_options = together([
    jobs_option,
    _run("--engine", type=ComponentName("engine"), default="local", show_default=True,
         help="What runs the workers; see 'pixelgen list engines'."),
    _run("--partition", metavar="I/N|slurm",
         help="Make every N-th shard alone, beginning with the I-th, as the I-th of N runs of this"
              " command; 'pixelgen finish' ends the dataset. slurm: as the task of a Slurm job"
              " array that this is."),
    durability_option,
    _run("--force", is_flag=True,
         help="Replace the finished dataset that is in the directory, if nothing of it was"
              " changed."),
    _run("--dry-run", is_flag=True,
         help="Print what would be made, and what exists already."),
    json_option,
    _run("--summary", metavar="FILE", type=HomePath(),
         help="Append a summary in Markdown, as for $GITHUB_STEP_SUMMARY."),
    quiet_option,
    _run("-v", "--verbose", is_flag=True, help="Print how the work is split."),
])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(DatasetOptions, RemoteOptions):
    """The options of ``generate``."""

    partition: str | None
    durability: str
    force: bool
    dry_run: bool
    as_json: bool
    summary: str | None
    verbose: bool
