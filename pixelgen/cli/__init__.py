"""The command line: options in, a job out, exit codes. Nothing else imports click, rich or tqdm.

Exit codes: 0 complete (also: nothing to do), 1 failed or incomplete (safe to run again), 2 usage,
3 the directory holds something else or a check found damage, 4 the remote endpoint refused, 5 the
directory is in use, 128 + n ended by signal n, 141 the reader of the output went away.
"""

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

# OpenBLAS would start a thread a core when numpy is imported, and no work here is for it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import click

from pixelgen import __version__
from pixelgen.cli.command import OutputMode
from pixelgen.cli.output import ReaderGone, report_failure
from pixelgen.errors import PixelgenError, suggest_choice

_BROKEN_PIPE = 141
_COMMANDS = {
    **{name: name for name in ("generate", "finish", "status", "verify", "repair", "remove",
                               "index", "merge", "preview", "score", "mine", "select", "serve")},
    "list": "list_components",
}  # fmt: skip
"""The commands: each is a function in the module of the command's name."""


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class CommandGroup(click.Group):
    """The commands, each imported when it is needed: most runs need one of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, the most used first."""
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command from the module of its name."""
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"pixelgen.cli.{cmd_name}")
        command: click.Command = getattr(module, _COMMANDS[cmd_name])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one, name the most similar."""
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            choice = suggest_choice(name, _COMMANDS)
            raise click.UsageError(f"unknown command {name!r}{choice}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=CommandGroup, context_settings=_CONTEXT)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Generate negative (background) images for machine learning.

    Start with: pixelgen generate -n 100 -s 300x300 -o negatives
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):  # None where the shell closed it
            output.reconfigure(errors="backslashreplace")
    mode = OutputMode()
    try:
        return _run(arguments, mode)
    except click.ClickException as error:
        failure = error.format_message(), error.exit_code
    except PixelgenError as error:
        failure = str(error), error.exit_code
    except MemoryError:
        failure = (
            "out of memory; use smaller images or, if the command has that option, fewer --jobs",
            1,
        )
    except OSError as error:
        reasons = (error.filename, error.strerror or str(error) or type(error).__name__)
        failure = ": ".join(str(each) for each in reasons if each), 1
    return report_failure(*failure, as_json=mode.as_json)


def _run(arguments: Sequence[str] | None, mode: OutputMode) -> int:
    try:
        code = cli.main(arguments, prog_name="pixelgen", standalone_mode=False, obj=mode)
        return int(code or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except ReaderGone:
        return _BROKEN_PIPE
