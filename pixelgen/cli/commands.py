"""The commands beside ``generate``: look at sets and parts, mend and index sets."""

import sys
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.options import PartName, draw_seed, look, look_options, skip_damaged_option
from pixelgen.cli.output import Progress, emit, emit_json, emit_path, report, tell_loaders, write
from pixelgen.cli.signals import Stop
from pixelgen.errors import BadValue
from pixelgen.registry import installed, known, plural, spell

if TYPE_CHECKING:
    from pixelgen.contact_sheet import Tile
    from pixelgen.registry import Part

_KINDS = ("family", "format", "layout", "engine")
_CELL = 24  # pixels of an image's side in the terminal


@click.command()
@click.argument("directory", default="negatives", metavar="SET")
@click.option("--deep", is_flag=True, help="Make every image again and compare its bytes.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Worker processes.")
@click.option("--max-errors", type=click.IntRange(1), default=1000, show_default=True,
              help="Stop when so much damage was found.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def verify(**options: Any) -> int:
    """Check a finished set ('negatives' if none is named): rows, sizes and SHA-256 of every file.

    Files that are not of the set are left out. Prints a line for each damaged file as it is found;
    exits 3 if there is any. Of a set made with --checksum none only --deep sees all.
    """
    from pixelgen.dataset.verify import check, finished_plan
    from pixelgen.dataset.writer import Run
    from pixelgen.storage import store_of

    store, stop, most = store_of(options["directory"]), Stop("verify again"), options["max_errors"]
    plan = finished_plan(store)
    progress = Progress(plan.job.count, "checked", quiet=options["quiet"])
    run = Run(jobs=options["jobs"] or 0, stopped=lambda: bool(stop))
    found: list[dict[str, str]] = []
    count = 0
    for checked in check(plan, store, run, deep=options["deep"], most=most):
        progress.update(checked.images, checked.bytes)
        for name, what in checked.damage[: most - count]:
            count += 1
            if options["as_json"]:
                found.append({"file": name, "what": what})
            else:
                progress.clear()
                emit(f"{name}: {what}")
        if count == most:
            break
    progress.close()
    if stop:
        return stop.exit_code
    if options["as_json"]:
        status = 409 if count else 200
        stopped = count == most
        emit_json({"status": status, "count": plan.job.count, "damage": found, "stopped": stopped})
    if not options["quiet"]:
        report(_verdict(plan.job.count, count, progress, most))
    return 3 if count else 0


def _verdict(images: int, damaged: int, progress: Progress, most: int) -> str:
    """Say what a check came to."""
    if damaged == most:
        return f"{damaged:,} damaged, and the check stopped there (see --max-errors)"
    verdict = f"{damaged:,} damaged" if damaged else "all well"
    return f"{images:,} images checked, {verdict} ({progress.speed})"


@click.command()
@click.argument("directory", default="negatives", metavar="SET")
@click.option("--deep", is_flag=True, help="Make every image again and compare its bytes.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Worker processes.")
@click.option("--durability", type=click.Choice(["commit", "none", "each"]), default="commit",
              show_default=True, help="Against power cuts; as of 'generate'.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def repair(**options: Any) -> int:
    """Remake what 'verify' finds damaged or missing in a set ('negatives' if none is named).

    It is made from its job, to the same bytes. Touches nothing that is right, and no file that is
    not of the set. Prints a line for each file that it remade. Finishes a set that is in the
    making. Of a set of another version, whose images cannot be remade here, it changes nothing.
    """
    from pixelgen.dataset.repair import mend
    from pixelgen.dataset.repair import repair as remake
    from pixelgen.dataset.writer import Run
    from pixelgen.storage import store_of

    store = store_of(options["directory"], options["durability"])
    stop = Stop("the same command finishes it")
    plan, damage = mend(store)
    progress = Progress(plan.job.count, "checked", quiet=options["quiet"])
    run = Run(jobs=options["jobs"] or 0, stopped=lambda: bool(stop))
    for checked in remake(plan, store, run, deep=options["deep"]):
        progress.update(checked.images, checked.bytes)
        damage += checked.damage
    progress.close()
    if stop:
        return stop.exit_code
    if options["as_json"]:
        remade = [{"file": name, "what": what} for name, what in damage]
        emit_json({"status": 200, "count": plan.job.count, "remade": remade})
    else:
        for name, what in damage:
            emit(f"{name}: {what}; remade")
    if not options["quiet"]:
        verdict = f"{len(damage):,} remade" if damage else "all well"
        report(f"{plan.job.count:,} images checked, {verdict} ({progress.speed})")
    return 0


@click.command()
@click.argument("directory", default="negatives", metavar="SET")
@click.option("--layout", type=PartName("layout"), required=True,
              help="What to add, as a list: coco,yolo; see 'pixelgen list layouts'.")  # fmt: skip
@click.option("--durability", type=click.Choice(["commit", "none", "each"]), default="commit",
              show_default=True, help="Against power cuts; as of 'generate'.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def index(directory: str, layout: str, durability: str, as_json: bool, quiet: bool) -> int:
    """Add sidecars to a finished set ('negatives' if none is named), without opening an image.

    They are made of the manifest, to the bytes that 'generate' would have written. Prints the path
    of the manifest.
    """
    from dataclasses import replace

    from pixelgen.dataset.verify import finished_plan
    from pixelgen.dataset.writer import Run
    from pixelgen.dataset.writer import write as make
    from pixelgen.layouts.layout import Layout
    from pixelgen.storage import store_of

    store, stop = store_of(directory, durability), Stop("the same command finishes it")
    job = finished_plan(store).job
    job = replace(job, layout=Layout.parse(f"{job.layout.container},{layout}"))
    make(job, store, Run(stopped=lambda: bool(stop)))
    if not quiet:
        tell_loaders(job, store.root, None)
    if as_json:
        emit_json({"status": 200, "link": store.path(job.manifest), "layout": str(job.layout)})
    else:
        emit_path(store.path(job.manifest))
    return 0


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
    from pixelgen.storage import store_of

    if any(look(options).values()) or options["skip_damaged"]:
        raise BadValue("a set is shown as it is; leave out the options of its making")
    store = store_of(directory)
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
    names = known("family")
    jobs = [Job.parse(**fields | {"count": 1, "family": name}) for name in names]
    return [tile for job in jobs for tile in tiles_of_job(job)]


def _save(tiles: "list[Tile]", options: dict[str, Any]) -> None:
    """Write the sheet to a picture file, which is replaced if it is there."""
    import io
    from pathlib import Path

    from PIL import Image

    from pixelgen.contact_sheet import sheet
    from pixelgen.storage.posix import naming

    path, buffer = Path(options["out"]), io.BytesIO()
    kind = Image.registered_extensions().get(path.suffix.lower(), "")
    try:
        sheet(tiles, options["columns"], options["tile"]).save(buffer, kind)
    except (OSError, KeyError, ValueError):
        raise BadValue(
            f"{options['out']!r} does not end like a picture in colour; name it sheet.png"
        ) from None
    with naming(options["out"]):
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


@click.command("list")
@click.argument("kind", type=click.Choice([*map(plural, _KINDS), "presets"]))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_parts(kind: str, as_json: bool) -> int:
    """List families, formats, layouts or engines, with their parameters; or presets of families."""
    if kind == "presets":
        return _list_presets(as_json)
    singular = next(name for name in _KINDS if plural(name) == kind)
    parts = known(singular) | installed(singular)
    if as_json:
        emit_json([
            {"name": name, "summary": part.summary(), "parameters": part.parameters()}
            for name, part in parts.items()
        ])  # fmt: skip
        return 0
    for name, part in parts.items():
        emit(f"{name:<14} {part.summary()}{_beside(part)}")
        for parameter in part.parameters():
            emit(f"  {spelled(parameter)}")
    if singular == "layout":
        from pixelgen.layouts.layout import UNIVERSAL

        emit(f"universal      All that one directory can be at once: {UNIVERSAL}.")
    return 0


def _beside(part: type["Part"]) -> str:
    """Tell of a sidecar what it goes with."""
    containers = getattr(part, "containers", None)
    if containers is None:
        return ""
    return f" [beside {' or '.join(containers) or 'any'}]"


def _list_presets(as_json: bool) -> int:
    """List the presets with their members, those that take the user's images last."""
    from dataclasses import asdict

    from pixelgen.families.presets import PRESETS

    if as_json:
        emit_json([{"name": name} | asdict(preset) for name, preset in PRESETS.items()])
        return 0
    for name, preset in PRESETS.items():
        emit(f"{name:<14} {preset.about} ({preset.origin})")
        for member in preset.with_source("source=DIR"):
            emit(f"  {member}")
    return 0


def spelled(parameter: dict[str, Any]) -> str:
    """Describe a parameter in a line: name and default, what it is, what it may be."""
    if "choices" in parameter:
        bounds = "|".join(map(str, parameter["choices"]))
    elif "low" in parameter:
        bounds = f"{parameter['low']}..{parameter.get('high', '')}"
    else:
        bounds = {"bool": "true|false", "str": "text"}[parameter["type"]]
    setting = f"{parameter['name']}={spell(parameter['default'])}"
    return f"{setting:<22} {parameter['about']} ({bounds})"
