"""``pixelgen preview``: a contact sheet of a dataset, or of a family."""

import sys
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.options import draw_seed, look, look_options, skip_damaged_option
from pixelgen.cli.output import (
    emit_path,
    report,
    write,
)
from pixelgen.errors import BadValue
from pixelgen.registry import components

if TYPE_CHECKING:
    from pixelgen.contact_sheet import Tile

_CELL = 24  # pixels of an image's side in the terminal


@click.command()
@click.argument("directory", required=False, metavar="[SET]")
@look_options
@skip_damaged_option
@click.option("-n", "--count", type=click.IntRange(1, 1000), default=20, show_default=True,
              help="How many images.")  # fmt: skip
@click.option("-o", "--out", metavar="FILE", help="Write the sheet to a picture file.")
@click.option(
    "--columns", type=click.IntRange(1), default=5, show_default=True, help="Tiles a row."
)
@click.option("--tile", type=click.IntRange(8, 1024), default=128, show_default=True,
              help="Side of a tile of the picture, in pixels.")  # fmt: skip
def preview(directory: str | None, **options: Any) -> int:
    """Show a contact sheet of a set, or of a family ('all': every one) before a set is made.

    In the terminal, or with -o as a picture.
    """
    tiles = _set_tiles(directory, options) if directory else _family_tiles(options)
    if not tiles:
        raise BadValue("there is no image to show")
    if options["out"]:
        _save(tiles, options)
    else:
        _show(tiles)
    return 0


def _set_tiles(directory: str, options: dict[str, Any]) -> "list[Tile]":
    from pixelgen.contact_sheet import tiles_of_set
    from pixelgen.dataset.verify import finished_plan
    from pixelgen.storage import open_store

    if any(look(options).values()) or options["skip_damaged"]:
        raise BadValue("a set is shown as it is; leave out the options of its making")
    store = open_store(directory)
    return list(tiles_of_set(finished_plan(store).job, store, options["count"]))


def _family_tiles(options: dict[str, Any]) -> "list[Tile]":
    from pixelgen.contact_sheet import tiles_of_job
    from pixelgen.dataset import source_record
    from pixelgen.job import Job

    fields = {"width": options["tile"], "height": options["tile"], "family": "uniform"}
    fields = draw_seed(fields | look(options))
    if fields["family"] != ("all",):
        job = Job.parse(**fields | {"count": options["count"]})
        for left_out in source_record.look(job, skip_damaged=options["skip_damaged"]):
            report(left_out)
        return list(tiles_of_job(job))
    names = components("family")
    jobs = [Job.parse(**fields | {"count": 1, "family": name}) for name in names]
    return [tile for job in jobs for tile in tiles_of_job(job)]


def _save(tiles: "list[Tile]", options: dict[str, Any]) -> None:
    """Write the sheet to a picture file, which is replaced if it is there."""
    import io
    from pathlib import Path

    from PIL import Image

    from pixelgen.contact_sheet import sheet
    from pixelgen.storage.posix import attach_path

    path, buffer = Path(options["out"]), io.BytesIO()
    kind = Image.registered_extensions().get(path.suffix.lower(), "")
    try:
        sheet(tiles, options["columns"], options["tile"]).save(buffer, kind)
    except (OSError, KeyError, ValueError):
        raise BadValue(
            f"{options['out']!r} does not end like a picture in colour; name it sheet.png"
        ) from None
    with attach_path(options["out"]):
        path.write_bytes(buffer.getvalue())
    emit_path(options["out"])


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
