"""Options that commands share, and what completes them."""

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.job import Job

_RECIPE_LIMIT = 1 << 20  # characters; more is no recipe

Command = TypeVar("Command", bound=Callable[..., Any])


class ComponentName(click.ParamType):  # type: ignore[type-arg] # no generic before click 8.4
    """The spelling of a part; completes the names of its kind."""

    def __init__(self, kind: str) -> None:
        self.name = kind

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the spelling in help."""
        return "NAME[:KEY=VALUE,…]" if self.name != "layout" else "NAME[:KEY=VALUE,…],…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Import the parts of other projects that the command line names; files name none."""
        from pixelgen.registry import import_user_components

        import_user_components(self.name, str(value))
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the names, each with its one line of help; for families also the presets'."""
        from pixelgen.registry import components, installed_components

        parts = components(self.name) | installed_components(self.name)
        about = {name: part.summary() for name, part in parts.items()}
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


def together(options: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Make one decorator of many options."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# fmt: off
skip_damaged_option = click.option(
    "--skip-damaged", is_flag=True,
    help="Leave out images of yours that cannot be decoded, and name them, instead of refusing them"
         " all.",
)
set_options = together([
    click.option("-n", "--count", type=int, help="How many images.  [default: 100]"),
    click.option("-f", "--format", "--export", "format", type=ComponentName("format"),
                 help="Kind of file; see 'pixelgen list formats'.  [default: png]"),
    click.option("--layout", type=ComponentName("layout"),
                 help="Where images go and what indexes them, as a list: yolo,coco or"
                      " webdataset:per_shard=500,wids; 'universal' is all that one directory can"
                      " be; see 'pixelgen list layouts'.  [default: files]"),
    click.option("--for", "trainer", metavar="TRAINER",
                 help="Layout, limits and loader call of a training stack: ultralytics, detectron2,"
                      " mmdet, torchvision, huggingface, opencv, dlib, keras, dali or streaming."),
    click.option("--class", "label", metavar="NAME",
                 help="Class of the images, or that they are void of, in layouts that have one."
                      "  [default: negatives; in yolo and coco object]"),
    click.option("--split", metavar="NAME=SHARE,…",
                 help="Share the set out: train=0.9,val=0.1."),
    click.option("-o", "--out", default="negatives", metavar="DIR|URL|-", show_default=True,
                 help="Directory of the set, or its URL in an object store; - writes the one image,"
                      " or a tar stream of many, to standard output."),
    click.option("--blob", is_flag=True, help="The same as -o -."),
    click.option("--recipe", metavar="FILE",
                 help="Take what no option gives from a TOML file, or from the pixelgen.json of a"
                      " set."),
    skip_damaged_option,
    click.option("--checksum", type=click.Choice(["sha256", "none"]),
                 help="Hash every file into the manifest and SHA256SUMS.  [default: sha256]"),
])

class Seconds(click.FloatRange):
    """A time of a day at most."""

    name = "seconds"

    def __init__(self, least: float) -> None:
        super().__init__(least, 86_400)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it; nan, which lies in every range, is none."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail("nan is no number of seconds", param, ctx)
        return seconds


look_options = together([
    click.option("-s", "--size", metavar="WxH|N", help="Size in pixels.  [default: 300x300]"),
    click.option("--width", type=int, help="Width in pixels; alone, also the height."),
    click.option("--height", type=int, help="Height in pixels; alone, also the width."),
    click.option("--color", metavar="COLOR",
                 help="Background: a name, hex, rgb(…), gray0 … gray100, or tr for a transparent"
                      " one.  [default: none, every pixel is random]"),
    click.option("--density", type=float,
                 help="Fraction of the pixels drawn over the background.  [default: 0.5, or 1 of a"
                      " family that does not fill the frame]"),
    click.option("--family", "--noise", type=ComponentName("family"), multiple=True,
                 help="What fills an image; see 'pixelgen list families'. Several, as NAME=WEIGHT,"
                      " make a mix, and so does a preset; see 'pixelgen list presets'.  [default:"
                      " uniform]"),
    click.option("--mode", type=click.Choice(["RGB", "RGBA", "L", "LA"], case_sensitive=False),
                 help="Channels.  [default: RGB, or RGBA over a transparent background]"),
    click.option("--depth", type=click.Choice(["8", "16"]), help="Bits a level.  [default: 8]"),
    click.option("--seed", metavar="N|0x…|random",
                 help="Up to 128 bits; 'random' draws one and records it.  [default: 0]"),
])

run_options = together([
    click.option("-j", "--jobs", type=click.IntRange(1),
                 help="Worker processes.  [default: the processors this process may use]"),
    click.option("--engine", type=ComponentName("engine"), default="local", show_default=True,
                 help="What runs the workers; see 'pixelgen list engines'."),
    click.option("--shard", metavar="I/N|slurm",
                 help="Make every N-th shard alone, beginning with the I-th, as the I-th of N runs"
                      " of this command; 'pixelgen finish' ends the set. slurm: as the task of a"
                      " Slurm job array that this is."),
    click.option("--durability", type=click.Choice(["commit", "none", "each"]), default="commit",
                 show_default=True,
                 help="Against power cuts. commit: a set that has its manifest is whole; syncs the"
                      " disk once. each: so is every file that has its name; syncs every shard."
                      " none: no promise, no sync. Kills cost nothing under any."),
    click.option("--force", is_flag=True,
                 help="Replace the finished set that is in the directory, if nothing of it was"
                      " changed."),
    click.option("--dry-run", is_flag=True,
                 help="Say what would be made, and what is there already."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object."),
    click.option("--summary", metavar="FILE",
                 help="Append a summary in Markdown, as for $GITHUB_STEP_SUMMARY."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors."),
    click.option("-v", "--verbose", is_flag=True, help="Say how the work is split."),
])
# fmt: on


def look(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a job that the options of ``look_options`` give, as they are spelled."""
    names = ("color", "density", "family", "mode", "depth", "seed")
    given = {name: options[name] for name in names if options[name] not in (None, ())}
    return given | _sides(options["size"], options["width"], options["height"])


def draw_seed(
    fields: dict[str, Any], seed_there: Callable[[], int | None] = lambda: None
) -> dict[str, Any]:
    """Replace the seed "random" by the one that is there already, or else by a drawn one."""
    if fields.get("seed") != "random":
        return fields
    import secrets

    seed = seed_there()
    return fields | {"seed": hex(secrets.randbits(128) if seed is None else seed)}


def dated(job: "Job") -> "Job":
    """Give a layout that tells times the one of SOURCE_DATE_EPOCH, if it is set.

    https://reproducible-builds.org/specs/source-date-epoch/. It becomes a parameter of the layout:
    what is to be made hangs on the job alone.
    """
    import os
    from dataclasses import replace

    epoch, container = os.environ.get("SOURCE_DATE_EPOCH"), job.layout.container
    if not epoch or not hasattr(container, "mtime") or container.mtime:
        return job
    if not epoch.isdecimal():
        raise BadValue(f"SOURCE_DATE_EPOCH {epoch[:50]!r} is no number of seconds since 1970")
    told: dict[str, Any] = {"mtime": int(epoch)}
    return replace(job, layout=replace(job.layout, container=replace(container, **told)))


def _sides(size: str | None, width: int | None, height: int | None) -> dict[str, int]:
    """Return width and height, of which one may stand for both."""
    if size is not None:
        if width is not None or height is not None:
            raise BadValue("give either --size or --width and --height, not both")
        return parse_size(size)
    if width is None and height is None:
        return {}
    sides = [side for side in (width, height) if side is not None]
    return {"width": sides[0], "height": sides[-1]}


def parse_size(text: str) -> dict[str, int]:
    """Read WxH or N (a square)."""
    sides = re.fullmatch(r"(-?\d{1,12})(?:[xX](-?\d{1,12}))?", str(text).strip())
    if not sides:
        raise BadValue(
            f"size {text!r} is not WIDTHxHEIGHT; write it as 300x200, or 300 for a square"
        )
    return {"width": int(sides[1]), "height": int(sides[2] or sides[1])}


def read_recipe(path: str) -> dict[str, Any]:
    """Return the fields of a job from a TOML file, or from the pixelgen.json of a set."""
    import json
    import tomllib
    from pathlib import Path

    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_RECIPE_LIMIT)
        is_plan = path.lower().endswith(".json")
        fields = json.loads(text)["job"] if is_plan else tomllib.loads(text)
        if not isinstance(fields, dict):
            raise TypeError("a job is a table of names and values")
        sides = parse_size(fields.pop("size")) if "size" in fields else {}
    except OSError as error:
        raise BadValue(f"cannot read the recipe {path}: {error.strerror}") from None
    except BadValue:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadValue(f"the recipe {path} is no TOML file or pixelgen.json: {error}") from None
    if sides and fields.keys() & sides.keys():
        raise BadValue(f"the recipe {path} gives size, and width or height; leave one out")
    return dict(fields) | sides
