"""The options of ``generate`` and ``preview``, and the fields of a job that they give."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.class_names import load_classes
from pixelgen.cli.command import (
    ComponentName,
    Count,
    Decorator,
    FamilyLimit,
    HomePath,
    NamedChoice,
    Side,
    expand_source,
    headed,
    together,
)
from pixelgen.cli.layout_options import LayoutOptions, layout_options
from pixelgen.errors import BadValue, suggest_choice

if TYPE_CHECKING:
    from pixelgen.job import Job

_RECIPE_LIMIT = 1 << 20  # characters; a recipe is shorter

_draw, _output = headed("What to draw"), headed("Output")


# fmt: off
def image_options(size: str = "300x300", family: str = "uniform") -> Decorator:
    """Return the options of what to draw; help shows these defaults."""
    return together([
        _draw("-s", "--size", metavar="WxH",
              help="Width x height in pixels; one number is a square. Ranges and lists draw the"
                   f" size of each image: 256..640, or 320x240|640x480.  [default: {size}]"),
        _draw("--width", type=Side(), metavar="N", help="Width in pixels; alone, a square."),
        _draw("--height", type=Side(), metavar="N", help="Height in pixels; alone, a square."),
        _draw("--color", metavar="COLOR",
              help="Background: a name, hex, rgb(…), or tr (transparent).  [default: none]"),
        _draw("--density", type=float, metavar="SHARE",
              help="Share of pixels drawn over --color, 0..1.  [default: 0.5; 1 for families that"
                   " leave background free]"),
        _draw("--family", "--noise", type=ComponentName("family"), multiple=True,
              help=f"Kind of noise, or a preset; repeat it for a mixture.  [default: {family}]"),
        _draw("--limit", type=FamilyLimit(), multiple=True, metavar="FAMILY=N",
              help="At most N images of a family, also of one in a preset: stripes=50; repeat it"
                   " for others."),
        _draw("--mode", type=NamedChoice("mode", ["RGB", "RGBA", "L", "LA"], case_sensitive=False),
              help="Channels.  [default: RGB; RGBA if --color is transparent]"),
        _draw("--depth", type=click.Choice(["8", "16"]), help="Bits per channel.  [default: 8]"),
        _draw("--seed", metavar="N",
              help="Whole number, decimal or 0x…; 'random' draws and records one.  [default: 0]"),
    ])


def count_option(default: str = "100") -> Decorator:
    """Return the option of the number of images; help shows this default."""
    return _draw("-n", "--count", type=Count(), help=f"Number of images.  [default: {default}]")


start_option = _draw("--start", type=int, metavar="N",
                     help="Index of the first image: others of the same seed.  [default: 0]")
dataset_options = together([
    _output("-f", "--format", "--export", "format", type=ComponentName("format"),
            help="File format.  [default: png]"),
    layout_options,
    _output("-o", "--out", default="negatives", metavar="PATH", show_default=True,
            type=HomePath(allow_dash=True),
            help="Directory, URL such as s3://bucket/prefix, or - for standard output."),
    _output("--blob", is_flag=True, help="Same as -o -."),
    _output("--recipe", metavar="FILE", type=HomePath(),
            help="Read defaults from a TOML file or the pixelgen.json of a dataset."),
    _output("--checksum", type=click.Choice(["sha256", "none"]),
            help="Checksum of every file.  [default: sha256]"),
])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """What images are like, as the options of ``image_options`` give it; None is not given."""

    size: str | None
    width: int | None
    height: int | None
    color: str | None
    density: float | None
    family: tuple[str, ...]
    limit: tuple[tuple[str, int], ...]
    mode: str | None
    depth: str | None
    seed: str | None

    def image_fields(self) -> dict[str, Any]:
        """Return the fields of a job that are given, width for height and the other way round."""
        names = ("color", "density", "family", "mode", "depth", "seed")
        fields = {name: getattr(self, name) for name in names}
        return {name: value for name, value in fields.items() if value not in (None, ())} | (
            self._size()
        )

    def with_limits(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a job, its families with the limits that are given."""
        if not self.limit:
            return fields
        if "family" not in fields:
            raise BadValue(
                "--limit needs a mixture of families; give a preset, as --family default, or"
                " several --family"
            )
        from pixelgen.job_options import read_fields

        limits = dict(self.limit)
        for name in limits:
            if [each for each, _ in self.limit].count(name) > 1:
                raise BadValue(f"--limit is given twice for family {name!r}; give it once")
        mixture = read_fields({"family": fields["family"]})["family"]
        return fields | {"family": mixture.with_limits(limits)}

    def _size(self) -> dict[str, object]:
        sides = [side for side in (self.width, self.height) if side is not None]
        if self.size is not None and sides:
            raise BadValue("--size cannot be combined with --width or --height; give either")
        size = (sides[0], sides[-1]) if sides else self.size
        return {} if size is None else {"size": size}


@dataclass(frozen=True, kw_only=True)
class DatasetOptions(ImageOptions, LayoutOptions):
    """What a dataset is like, as the options of ``dataset_options`` give it."""

    count: int | None
    start: int | None
    format: str | None
    out: str
    blob: bool
    recipe: str | None
    checksum: str | None
    skip_damaged: bool

    def dataset_fields(self) -> dict[str, Any]:
        """Return the fields of a job that are given; options that take a list add up."""
        fields: dict[str, Any] = {
            "count": self.count,
            "start": self.start,
            "format": self.format,
            "checksum": self.checksum,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return given | self.layout_fields() | self.image_fields()


def read_recipe(path: str) -> dict[str, Any]:
    """Return the fields of a job from a TOML file, or from the pixelgen.json of a dataset."""
    import json
    import tomllib
    from pathlib import Path

    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_RECIPE_LIMIT)
        is_plan = path.lower().endswith(".json")
        content = json.loads(text) if is_plan else {"job": tomllib.loads(text)}
        fields = content.get("job") if isinstance(content, dict) else None
        if not isinstance(fields, dict):
            raise ValueError("it has no object with the name 'job'")
    except OSError as error:
        raise BadValue(f"cannot read the recipe {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BadValue(
            f"the recipe {path} must be a TOML file or the pixelgen.json of a dataset: {error}"
        ) from None
    _check_keys(fields, path)
    if isinstance(classes := fields.get("classes"), str):
        fields["classes"] = load_classes(classes)
    return _with_home(fields)


def _check_keys(fields: dict[str, Any], path: str) -> None:
    """Refuse keys that are unknown or exclude each other, and say how options are given."""
    from pixelgen.job_options import JobOptions

    context = click.get_current_context(silent=True)
    for option in context.command.params if context else ():
        names = {each.lstrip("-").replace("-", "_") for each in option.opts}
        for key in fields.keys() & names - JobOptions.__annotations__.keys():
            if option.name in JobOptions.__annotations__:
                raise BadValue(
                    f"unknown key {key!r} in the recipe {path}; write it as {option.name}"
                )
            raise BadValue(
                f"unknown key {key!r} in the recipe {path}: it is an option of the command;"
                f" give {max(option.opts, key=len)} on the command line"
            )
    if "selection" in fields:
        raise BadValue(
            f"the recipe {path} is of a mined dataset, whose images are selected ones; for the same"
            " or others of its candidates, run: pixelgen select DATASET -o OTHER"
        )
    if "size" in fields and fields.keys() & {"width", "height"}:
        raise BadValue(f"the recipe {path} gives size, and width or height; remove one")
    known = [*JobOptions.__annotations__]
    for key in fields.keys() - set(known):
        raise BadValue(f"unknown key {key!r} in the recipe {path}{suggest_choice(key, known)}")


def _with_home(fields: dict[str, Any]) -> dict[str, Any]:
    """Expand ~ in the folders of the user's images."""
    family = fields.get("family")
    if isinstance(family, str):
        return fields | {"family": expand_source(family)}
    if isinstance(family, list):
        expanded = [expand_source(each) if isinstance(each, str) else each for each in family]
        return fields | {"family": expanded}
    return fields


def replace_fields(fields: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a job with those that are given; a size replaces both sides."""
    replaced = ("size", "width", "height") if "size" in given else ()
    return {name: value for name, value in fields.items() if name not in replaced} | given


def check_skip_damaged(job: "Job", is_given: bool) -> None:
    """Refuse --skip-damaged for images that are not made from the user's."""
    if is_given and not job.image_sources:
        raise BadValue("--skip-damaged needs a family that is made from your images (source=…)")


def with_epoch(job: "Job") -> "Job":
    """Give a layout that writes times the one of SOURCE_DATE_EPOCH, if it is set.

    https://reproducible-builds.org/specs/source-date-epoch/. It becomes a parameter of the layout:
    what is to be made depends on the job alone.
    """
    from dataclasses import replace

    epoch, container = os.environ.get("SOURCE_DATE_EPOCH"), job.layout.container
    if not epoch or not hasattr(container, "mtime") or container.mtime:
        return job
    if not epoch.isdecimal():
        raise BadValue(
            f"invalid SOURCE_DATE_EPOCH {epoch[:50]!r}: must be a number of seconds since 1970"
        )
    changes: dict[str, Any] = {"mtime": int(epoch)}
    return job.with_layout(replace(job.layout, container=replace(container, **changes)))
