"""The kind of click command that all commands are, and the options that several of them share."""

import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Decorator = Callable[[Decorated], Decorated]


@dataclass
class OutputMode:
    """How to report a failure: ``as_json`` is set by ``--json``, before other options are read."""

    as_json: bool = False


class HeadedOption(click.Option):
    """An option that help shows under a heading."""

    def __init__(self, *arguments: Any, heading: str = "Options", **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.heading = heading


class HeadedCommand(click.Command):
    """A command whose help shows its options under their headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of one heading together."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            heading = getattr(parameter, "heading", "Options")
            if record := parameter.get_help_record(ctx):
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; where one is unknown, --json has its effect all the same."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError:
            if any(parameter.name == "as_json" for parameter in self.params):
                ctx.ensure_object(OutputMode).as_json |= "--json" in given
            raise


def together(options: Sequence[Decorator[Any]]) -> Decorator[Any]:
    """Make one decorator of many options."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def headed(heading: str) -> Callable[..., Decorator[Any]]:
    """Return what declares options under a heading, as click.option does."""

    def option(*arguments: Any, **attributes: Any) -> Decorator[Any]:
        return click.option(*arguments, cls=HeadedOption, heading=heading, **attributes)

    return option


class Seconds(click.FloatRange):
    """A time of a day at most."""

    name = "seconds"

    def __init__(self, least: float) -> None:
        super().__init__(least, 86_400)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it; nan lies in every range."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail("nan is not a number of seconds", param, ctx)
        return seconds


class HomePath(click.Path):
    """A path, of which a leading ~ is expanded also where the shell does not: in --out=~/x.

    Whether it can be read or written is found out by what opens it.
    """

    def __init__(self, *, allow_dash: bool = False) -> None:
        super().__init__(readable=False, allow_dash=allow_dash)

    def convert(
        self,
        value: "str | os.PathLike[str]",
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Expand the user's folder."""
        return os.path.expanduser(os.fsdecode(super().convert(value, param, ctx)))


class ComponentName(click.ParamType):  # type: ignore[type-arg] # no generic before click 8.4
    """A component as text; completes the names of its kind."""

    def __init__(self, kind: str) -> None:
        self.name = kind

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show in help how a component is written."""
        return "NAME[:KEY=VALUE,…]" if self.name != "layout" else "NAME[:KEY=VALUE,…],…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Import the components of other projects that the command line names; files name none."""
        from pixelgen.registry import import_user_components

        import_user_components(self.name, str(value))
        return expand_source(str(value))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the names, each with its one line of help; for families also the presets'."""
        from pixelgen.registry import components, installed_components

        found = components(self.name) | installed_components(self.name)
        about = {name: component.summary() for name, component in found.items()}
        if self.name == "family":
            from pixelgen.families.presets import PRESETS

            about |= {name: preset.about for name, preset in PRESETS.items()}
        if self.name == "layout":
            about["universal"] = "All that one directory can be at once."
        before, comma, last = incomplete.rpartition(",") if self.name == "layout" else ("", "", "")
        begun = last if comma else incomplete
        return [
            CompletionItem(f"{before}{comma}{name}", help=line)
            for name, line in about.items()
            if name.startswith(begun)
        ]


def expand_source(text: str) -> str:
    """Expand a leading ~ of the folder in ``family:source=~/folder``."""
    return re.sub(r"(?<=[:,]source=)~[^,/]*", lambda found: os.path.expanduser(found[0]), text)


def _note_json(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.ensure_object(OutputMode).as_json |= value
    return value


dataset_argument = click.argument(
    "dataset", default="negatives", metavar="[DATASET]", type=HomePath()
)
json_option = headed("Running")(
    "--json", "as_json", is_flag=True, is_eager=True, callback=_note_json,
    help="Print the result as one JSON object.",
)  # fmt: skip
quiet_option = headed("Running")(
    "-q", "--quiet", is_flag=True, help="Print nothing on stderr but errors."
)
jobs_option = headed("Running")(
    "-j", "--jobs", type=click.IntRange(1),
    help="Worker processes.  [default: the processors this process may use]",
)  # fmt: skip
durability_option = headed("Running")(
    "--durability", type=click.Choice(["commit", "none", "each"]), default="commit",
    show_default=True,
    help="Against power cuts. commit: a dataset that has its manifest is complete; syncs the disk"
         " once. each: so is every file that has its name; syncs every shard. none: no promise, no"
         " sync. Kills cost nothing under any.",
)  # fmt: skip
skip_damaged_option = headed("What to draw")(
    "--skip-damaged", is_flag=True,
    help="Leave out images of yours that cannot be decoded, and name them, instead of refusing"
         " them all.",
)  # fmt: skip
