"""The kind of click command that all commands are, and the options that several of them share."""

import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import click
from click.shell_completion import CompletionItem

from pixelgen.errors import suggest_choice

Decorator: TypeAlias = Callable[[Any], Any]


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
            if not isinstance(parameter, click.Option):
                continue  # the usage line shows the arguments
            heading = getattr(parameter, "heading", "Options")
            if record := parameter.get_help_record(ctx):
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; where one is unknown, --json has its effect all the same."""
        given = list(args)
        ctx.allow_extra_args = True  # so that the message about them is our own
        try:
            extra = super().parse_args(ctx, args)
            if extra and not ctx.resilient_parsing:
                raise click.UsageError(self.describe_extra(extra[0], ctx), ctx)
            return extra
        except click.UsageError as error:
            if any(parameter.name == "as_json" for parameter in self.params):
                ctx.ensure_object(OutputMode).as_json |= "--json" in given
            name = error.option_name if isinstance(error, click.NoSuchOption) else ""
            if written := self.suggest_option(name, given):
                raise click.UsageError(f"no such option {name!r}: write {written}", ctx) from None
            raise

    def suggest_option(self, name: str, given: Sequence[str]) -> str:
        """Return what to write for an option that the command does not have; '' if unknown."""
        return ""

    def describe_extra(self, argument: str, ctx: click.Context) -> str:
        """Return what is wrong with an argument that the command does not take."""
        return (
            f"unexpected argument {argument!r}: {ctx.command_path} takes"
            f" {' '.join(self.collect_usage_pieces(ctx))}"
        )


def together(options: Sequence[Decorator]) -> Decorator:
    """Make one decorator of many options."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def headed(heading: str) -> Callable[..., Decorator]:
    """Return what declares options under a heading, as click.option does."""

    def option(*arguments: Any, **attributes: Any) -> Decorator:
        return click.option(*arguments, cls=HeadedOption, heading=heading, **attributes)

    return option


class Count(click.ParamType):  # type: ignore[type-arg] # no generic before click 8.4
    """A number of images; suggests the digits of 1k, 2M, 1,000 and 1e6."""

    name = "n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a whole number."""
        text = str(value).strip()
        try:
            return int(text)
        except ValueError:
            self.fail(f"{text[:50]!r} must be a whole number; write {_digits(text)}", param, ctx)


def _digits(text: str) -> str:
    """Return a number that is written with a unit, separators or an exponent in digits.

    >>> _digits("1k"), _digits("2.5M"), _digits("1,000"), _digits("1e6"), _digits("many")
    ('1000', '2500000', '1000', '1000000', '100')
    """
    found = re.fullmatch(
        r"(\d{1,9}(?:\.\d{1,6})?)(?:([kKmM])|[eE]([0-9]))?", re.sub("[,_' ]", "", text)
    )
    if not found:
        return "100"
    power = int(found[3] or {"k": 3, "m": 6}.get((found[2] or "").lower(), 0))
    return str(round(float(found[1]) * 10**power))


class Workers(click.IntRange):
    """A number of worker processes, 1 or more."""

    def __init__(self) -> None:
        super().__init__(1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it; say that all CPUs are what is used without the option."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            text = str(value)[:50]
            self.fail(
                f"{text!r} must be a whole number, 1 or more; omit --jobs to use all CPUs, or write"
                " --jobs 2",
                param,
                ctx,
            )


class NamedChoice(click.Choice):  # type: ignore[type-arg] # no generic before click 8.2
    """One of some names; for another word, suggests the name that was meant."""

    def __init__(self, noun: str, names: Sequence[str], *, case_sensitive: bool = True) -> None:
        super().__init__(names, case_sensitive=case_sensitive)
        self._noun = noun

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name as it is listed."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            text = str(value)[:50]
            choice = suggest_choice(text, self.choices, self._noun)
            self.fail(f"unknown {self._noun} {text!r}{choice}", param, ctx)


class Share(click.FloatRange):
    """A number of 0 … 1, and not NaN, which click lets pass; ``below_1`` excludes 1."""

    def __init__(self, *, below_1: bool = False) -> None:
        super().__init__(0, 1, max_open=below_1)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} must be a number of 0 … 1", param, ctx)
        return number


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


class Side(click.ParamType):  # type: ignore[type-arg] # no generic before click 8.4
    """The width or the height of all images, in pixels."""

    name = "side"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it; ranges and lists are for --size."""
        try:
            return int(value)
        except ValueError:
            text = str(value)[:50]
            self.fail(
                f"{text!r} must be a whole number of pixels; write a range or a list as --size:"
                " --size 256..640",
                param,
                ctx,
            )


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
        """Show in help that it is written as a component is, which the end of the help explains."""
        return "SPEC"

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
            about["universal"] = "All that can share one directory."
        before, comma, last = incomplete.rpartition(",") if self.name == "layout" else ("", "", "")
        begun = last if comma else incomplete
        return [
            CompletionItem(f"{before}{comma}{name}", help=line)
            for name, line in about.items()
            if name.startswith(begun)
        ]


class FamilyLimit(click.ParamType):  # type: ignore[type-arg] # no generic before click 8.4
    """A family and the most images that it may have, as in stripes=50."""

    name = "limit"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return the name, in lower case if it is one of pixelgen's, and the number."""
        text = str(value).strip()
        found = re.fullmatch(r"([\w.]+)=0*([1-9][0-9]{0,8})", text, re.ASCII)
        if not found:
            begun = re.match(r"[\w.]{1,50}", text, re.ASCII)
            self.fail(
                f"{text[:50]!r} must be a family and a whole number from 1 to 999999999; write"
                f" --limit {begun[0] if begun else 'stripes'}=50",
                param,
                ctx,
            )
        name, most = found.groups()
        return name if "." in name else name.lower(), int(most)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the names of families, each with its one line of help."""
        from pixelgen.registry import components

        return [
            CompletionItem(name, help=family.summary())
            for name, family in components("family").items()
            if name.startswith(incomplete)
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
quiet_option = headed("Running")("-q", "--quiet", is_flag=True, help="Print only errors on stderr.")
jobs_option = headed("Running")(
    "-j", "--jobs", type=Workers(), metavar="N",
    help="Worker processes.  [default: the CPUs that this process may use]",
)  # fmt: skip
engine_option = headed("Running")(
    "--engine", type=ComponentName("engine"), default="local", show_default=True,
    help="What runs the workers: local, serial, dask or dask://HOST:PORT.",
)  # fmt: skip
durability_option = headed("Running")(
    "--durability", type=click.Choice(["commit", "none", "each"]), default="commit",
    show_default=True,
    help="When data is synced to disk, against power cuts: once before the manifest (commit), after"
         " every shard (each), or never.",
)  # fmt: skip
skip_damaged_option = headed("What to draw")(
    "--skip-damaged", is_flag=True,
    help="Skip source images that cannot be decoded, and name them.",
)  # fmt: skip
