"""The command line: options in, a job out, exit codes. Nothing else imports click, rich or tqdm.

Exit codes: 0 complete (also: nothing to do), 1 failed or incomplete (safe to run again), 2 usage,
3 the directory holds something else or a check found damage, 4 the remote endpoint refused, 5 the
directory is in use, 128 + n ended by signal n, 141 the reader of the output went away.
"""

import io
import os
import sys
from collections.abc import Sequence

# OpenBLAS would start a thread a core when numpy is imported, and no work here is for it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click

from pixelgen import __version__
from pixelgen.cli.finish import finish
from pixelgen.cli.generate import generate
from pixelgen.cli.index import index
from pixelgen.cli.list import list_parts
from pixelgen.cli.output import ReaderGone, report_failure
from pixelgen.cli.preview import preview
from pixelgen.cli.repair import repair
from pixelgen.cli.serve import serve
from pixelgen.cli.status import status
from pixelgen.cli.verify import verify
from pixelgen.errors import PixelgenError

_BROKEN_PIPE = 141


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Write negative (background) samples for machine learning, any number, offline."""


for command in (generate, finish, status, verify, repair, index, preview, list_parts, serve):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):  # None where the shell closed it
            output.reconfigure(errors="backslashreplace")
    try:
        return _run(arguments)
    except click.ClickException as error:
        return report_failure(error.format_message(), error.exit_code)
    except PixelgenError as error:
        return report_failure(str(error), error.exit_code)
    except MemoryError:
        return report_failure(
            "out of memory; use smaller images or, if the command has that option, fewer --jobs", 1
        )
    except OSError as error:
        told = (error.filename, error.strerror or str(error) or type(error).__name__)
        return report_failure(": ".join(str(each) for each in told if each), 1)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        return int(cli.main(arguments, prog_name="pixelgen", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except ReaderGone:
        return _BROKEN_PIPE
