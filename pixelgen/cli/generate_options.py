"""The options of ``pixelgen generate``."""

from dataclasses import dataclass

from pixelgen.cli.beside import BesideOptions, beside_options
from pixelgen.cli.command import (
    HomePath,
    durability_option,
    engine_option,
    headed,
    jobs_option,
    json_option,
    quiet_option,
    together,
)
from pixelgen.cli.remote import RemoteOptions

_run = headed("Running")

# fmt: off
run_options = together([
    beside_options,
    jobs_option,
    engine_option,
    _run("--partition", metavar="I/N",
         help="Make partition I of N; 'pixelgen finish' joins them. 'slurm' takes I and N from the"
              " job array."),
    durability_option,
    _run("--force", is_flag=True,
         help="Replace the finished dataset in the directory, if its files are unchanged."),
    _run("--dry-run", is_flag=True,
         help="Print what would be made and what exists; write nothing."),
    json_option,
    _run("--summary", metavar="FILE", type=HomePath(),
         help="Append a summary in Markdown, as to $GITHUB_STEP_SUMMARY."),
    quiet_option,
    _run("-v", "--verbose", is_flag=True, help="Print how the work is split."),
])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(BesideOptions, RemoteOptions):
    """The options of ``generate``."""

    partition: str | None
    durability: str
    force: bool
    dry_run: bool
    as_json: bool
    summary: str | None
    verbose: bool
