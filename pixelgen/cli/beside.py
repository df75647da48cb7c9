"""``--beside`` and ``--share``: negatives that fit a labelled dataset of the user's."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pixelgen.cli.command import HomePath, headed, together
from pixelgen.cli.options import DatasetOptions
from pixelgen.errors import BadValue, shell_path

if TYPE_CHECKING:
    from pixelgen.user_datasets.base import UserDataset

_output = headed("Output")

# fmt: off
beside_option = _output("--beside", metavar="PATH", type=HomePath(),
            help="Match the classes, ids and names of your own dataset: a COCO file, a data.yaml,"
                 " the folder of either, or a VOC, ImageFolder or Hugging Face folder. It is only"
                 " read.")
beside_options = together([
    beside_option,
    _output("--share", metavar="SHARE",
            help="With --beside, in place of --count: share of negatives in the whole, such as"
                 " 0.1 or 10%."),
])
# fmt: on


@dataclass(frozen=True, kw_only=True)
class BesideOptions(DatasetOptions):
    """What a dataset is like, and the dataset of the user's that it joins."""

    beside: str | None
    share: str | None


def without_own(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a recipe without those that the dataset of --beside decides."""
    from pixelgen.joining.fitting_fields import OWN

    return {name: value for name, value in recipe.items() if name not in OWN}


def beside_fields(fields: dict[str, Any], options: BesideOptions) -> dict[str, Any]:
    """Return the fields of a job with those that fit the dataset of --beside, if it is given."""
    if options.beside is None:
        if options.share is not None:
            raise BadValue("--share needs the dataset that it is a share of: give --beside PATH")
        return fields
    if options.share is not None and options.count is not None:
        raise BadValue("--share cannot be combined with --count; give either")
    user = detect_beside(options.beside, options.out)
    from pixelgen.joining.fitting_fields import join_fields

    joined = join_fields(user, fields)
    if (options.blob or options.out == "-") and "layout" not in fields:
        joined.pop("layout", None)  # of an image alone, or of the stream that is chosen
    if options.share is None:
        return joined
    from pixelgen.joining.fitting_fields import count_of_share, parse_share
    from pixelgen.layouts import Splits

    splits = Splits.parse(str(joined["split"])).names if joined.get("split") else ()
    own = user.joined_images(splits)
    return joined | {"count": count_of_share(parse_share(options.share), own, user.path)}


def detect_beside(path: str, out: str) -> "UserDataset":
    """Read the dataset of --beside; raise BadValue where the output would lie within it."""
    from pixelgen.joining.fitting_fields import check_output
    from pixelgen.user_datasets.detect import detect

    user = detect(path)
    if "://" not in out and out != "-":
        check_output(user, out)
    return user


def mined_fields(
    fields: dict[str, Any],
    given: dict[str, Any],
    beside: str | None,
    out: str,
) -> dict[str, Any]:
    """Return the fields of the job of a mined dataset with those that are given, or that fit.

    Of ``fields`` what the dataset of --beside decides does not count; what is given does.
    """
    if beside is None:
        return fields | given
    from pixelgen.joining.fitting_fields import join_fields

    return join_fields(detect_beside(beside, out), without_own(fields) | given)


def changed_hint(options: BesideOptions) -> str:
    """Return what to do where a dataset was begun beside one that has changed since."""
    if options.beside is None or "://" in options.out:
        return ""
    plan = shell_path(f"{options.out}/pixelgen.json")
    return (
        f"; if {options.beside} has changed since, this finishes the dataset as it was begun:"
        f" pixelgen generate --recipe {plan} -o {shell_path(options.out)}"
    )
