"""``pixelgen merge``: one index of the user's dataset and of negatives."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pixelgen.cli.command import (
    HeadedCommand,
    HomePath,
    dataset_argument,
    json_option,
    quiet_option,
)
from pixelgen.cli.output import pluralize, print_json, print_line, print_path, report
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.joining.negatives import Joined, Part


@dataclass(frozen=True, kw_only=True)
class MergeOptions:
    """The options of ``merge``."""

    dataset: str
    into: str
    out: str | None
    share: str | None
    images: str | None
    split: str | None
    as_json: bool
    quiet: bool


@click.command(cls=HeadedCommand)
@dataset_argument
@click.option("--into", required=True, metavar="PATH", type=HomePath(),
              help="Your dataset: a COCO file, a data.yaml, or the folder of either. For a VOC,"
                   " ImageFolder, Hugging Face or WebDataset folder, code is printed."
              )  # fmt: skip
@click.option("-o", "--out", metavar="FILE", type=HomePath(),
              help="File to write, .json or .yaml. One that exists is not replaced.")  # fmt: skip
@click.option("--share", metavar="SHARE",
              help="Take the first negatives so that they are this share of the whole: 0.1 or 10%."
              )  # fmt: skip
@click.option("--images", metavar="FOLDER", type=HomePath(),
              help="Folder that file names of your COCO file count from.  [default: searched]"
              )  # fmt: skip
@click.option("--split", metavar="NAME",
              help="Split of DATASET to add to a COCO file.  [default: train, if it has splits]"
              )  # fmt: skip
@json_option
@quiet_option
def merge(**values: Any) -> int:
    """Write one index of your dataset and of negatives.

    DATASET is 'negatives' by default. Your files stay as they are: FILE is new. Refuses negatives
    that lack files or have other classes, and ids and names that collide. Prints the path of FILE.
    """
    from pathlib import Path

    from pixelgen.joining.fitting_fields import parse_share
    from pixelgen.joining.merge import FILE_KINDS, loader_call, merge_request
    from pixelgen.joining.mixing import has_shards, mix_shards, mixing_code
    from pixelgen.joining.negatives import MergeRequest, Negatives
    from pixelgen.user_datasets.detect import detect

    options = MergeOptions(**values)
    share = None if options.share is None else parse_share(options.share)
    negatives = Negatives.open(options.dataset)
    job, root = negatives.job, negatives.store.root
    if has_shards(Path(options.into)):
        return _print_code(mix_shards(job, root, options.into), options)
    user = detect(options.into)
    if user.kind not in FILE_KINDS:
        return _print_code(mixing_code(job, root, user), options)
    if options.out is None:
        suffix = ".json" if user.kind == "coco" else ".yaml"
        raise BadValue(f"name the file to write: -o joined{suffix}")
    joined = merge_request(
        MergeRequest(user, negatives, Path(options.out), share, options.images, options.split)
    )
    _print_joined(joined, loader_call(user, joined), options)
    return 0


def _print_joined(joined: "Joined", call: str, options: MergeOptions) -> None:
    """Say on stderr how many images are whose, and print the result on stdout."""
    if not options.quiet:
        for part in joined.parts:
            report(_describe(part))
        if joined.root:
            report(f"file names count from {joined.root}")
        if joined.missing:
            report(
                f"note: {len(joined.missing):,} of your images do not exist, such as"
                f" {joined.missing[0][:500]!r}"
            )
        report(f"load it: {call}")
    if not options.as_json:
        print_path(joined.path)
        return
    print_json({
        "state": "complete",
        "index": joined.path,
        "root": joined.root,
        "yours": joined.own,
        "negatives": joined.negatives,
        "parts": [each._asdict() for each in joined.parts],
        "missing": len(joined.missing),
    })  # fmt: skip


def _describe(part: "Part") -> str:
    """Return how many images are whose in a split.

    >>> from pixelgen.joining.negatives import Part
    >>> _describe(Part("train", 900, 100))
    'train: 900 yours + 100 negatives = 1,000 images, share 10.0%'
    """
    total = part.own + part.negatives
    share = f"{part.negatives / total:.1%}" if total else "0%"
    return (
        f"{part.split}{': ' if part.split else ''}{part.own:,} yours +"
        f" {pluralize(part.negatives, 'negative')} = {pluralize(total, 'image')}, share {share}"
    )


def _print_code(code: str, options: MergeOptions) -> int:
    """Print code that mixes at run time, since no file can join this kind of dataset.

    Raises:
        BadValue: For options of such a file.
    """
    for name in ("share", "images", "split"):
        if getattr(options, name) is not None:
            raise BadValue(
                f"--{name} needs a COCO file or a data.yaml; for the folder {options.into} code is"
                f" printed: remove --{name}"
            )
    if not options.quiet:
        report("this kind of dataset has no file to join; nothing is written: mix it at run time")
    if options.as_json:
        print_json({"state": "nothing to write", "code": code})
    else:
        for line in code.splitlines():
            print_line(line)
    return 0
