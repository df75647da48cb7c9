"""``pixelgen preview``: a contact sheet of a dataset, or of a family."""

import sys
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.command import HeadedCommand, HomePath, headed, skip_damaged_option
from pixelgen.cli.options import ImageOptions, check_skip_damaged, image_options
from pixelgen.cli.output import print_path, report, write
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.contact_sheet import Tile

_CELL = 24  # pixels of an image's side in the terminal
_output = headed("Output")


@dataclass(frozen=True, kw_only=True)
class PreviewOptions(ImageOptions):
    """The options of ``preview``."""

    dataset: str | None
    skip_damaged: bool
    count: int
    out: str | None
    columns: int
    tile: int


@click.command(cls=HeadedCommand)
@click.argument("dataset", required=False, metavar="[DATASET]", type=HomePath())
@image_options(size="that of a tile")
@skip_damaged_option
@_output("-n", "--count", type=click.IntRange(1, 1000), metavar="N", default=20, show_default=True,
         help="Number of images.")  # fmt: skip
@_output("-o", "--out", metavar="FILE", type=HomePath(), help="Write the sheet to a picture file.")
@_output(
    "--columns",
    type=click.IntRange(1),
    metavar="N",
    default=5,
    show_default=True,
    help="Tiles per row.",
)
@_output("--tile", type=click.IntRange(8, 1024), metavar="N", default=128, show_default=True,
         help="Side of a tile of the picture, in pixels.")  # fmt: skip
def preview(**values: Any) -> int:
    """Show sample images of a dataset or a family.

    Shows a contact sheet of DATASET or, without one, of --family ('all': one image of each family),
    in the terminal or, with -o, as a picture.
    """
    options = PreviewOptions(**values)
    tiles = _dataset_tiles(options.dataset, options) if options.dataset else _family_tiles(options)
    if not tiles:
        raise BadValue(f"{options.dataset} has no images to show; choose another dataset")
    if options.out is not None:
        _save(tiles, options.out, options)
    else:
        _show(tiles)
    return 0


def _dataset_tiles(dataset: str, options: PreviewOptions) -> "list[Tile]":
    from pixelgen.contact_sheet import tiles_of_dataset
    from pixelgen.dataset.existing_plan import finished_plan
    from pixelgen.storage import open_store

    if options.image_fields() or options.limit or options.skip_damaged:
        raise BadValue("options of what to draw cannot be combined with a dataset; remove either")
    store = open_store(dataset, follows_links=True)
    return list(tiles_of_dataset(finished_plan(store).job, store, options.count))


def _family_tiles(options: PreviewOptions) -> "list[Tile]":
    from pixelgen.contact_sheet import tiles_of_job
    from pixelgen.job import Job
    from pixelgen.registry import components
    from pixelgen.rng import draw_seed

    fields: dict[str, Any] = {"size": options.tile, "family": "uniform"}
    given = options.image_fields()
    shows_all = given.get("family") == ("all",)
    fields |= given if shows_all else options.with_limits(given)
    if fields.get("seed") == "random":
        fields["seed"] = draw_seed()
    if not shows_all:
        job = Job.parse(**fields | {"count": options.count})
        check_skip_damaged(job, options.skip_damaged)
        job = job.scan_sources(skip_damaged=options.skip_damaged)
        for line in job.sources.notes():
            report(line)
        return list(tiles_of_job(job))
    jobs = [Job.parse(**fields | {"count": 1, "family": name}) for name in components("family")]
    check_skip_damaged(jobs[0], options.skip_damaged)
    for name in ("count", "limit"):
        if _is_given(name):
            raise BadValue(f"--family all shows one image of each family; remove --{name}")
    return [tile for job in jobs for tile in tiles_of_job(job)]


def _is_given(name: str) -> bool:
    """Return whether an option is on the command line, also with its default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _save(tiles: "list[Tile]", out: str, options: PreviewOptions) -> None:
    """Write the sheet to a picture file, which is replaced if it is there."""
    import io
    from pathlib import Path

    from PIL import Image

    from pixelgen.contact_sheet import sheet
    from pixelgen.storage.posix import attach_path

    path, buffer = Path(out), io.BytesIO()
    kind = Image.registered_extensions().get(path.suffix.lower(), "")
    try:
        sheet(tiles, options.columns, options.tile).save(buffer, kind)
    except (OSError, KeyError, ValueError):
        raise BadValue(
            f"the format of {out!r} cannot be written; use a name such as sheet.png"
        ) from None
    with attach_path(out):
        path.write_bytes(buffer.getvalue())
    print_path(out)


def _show(tiles: "list[Tile]") -> None:
    """Draw tiles in the terminal, two pixels a character cell."""
    import numpy as np
    from rich.color import Color
    from rich.columns import Columns
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    from pixelgen.contact_sheet import fit

    def drawn(tile: "Tile") -> Text:
        pixels = np.asarray(fit(tile.image, _CELL))
        text = Text()
        for upper, lower in zip_longest(pixels[::2], pixels[1::2], fillvalue=pixels[-1]):
            for above, below in zip(upper, lower, strict=True):
                text.append(
                    "▀", Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
                )
            text.append("\n")
        return text.append(tile.caption)

    console = Console(file=sys.stdout)
    with console.capture() as captured:
        console.print(Columns(map(drawn, tiles)))
    write(captured.get().encode() + b"\n")
