"""What a run says of its job before it begins: what is not as it may seem, or not for a trainer."""

from typing import TYPE_CHECKING, Protocol

from pixelgen.cli.output import report
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.job import Job


class RunnableOptions(Protocol):
    """Of the options of a command that writes a dataset, those that count here."""

    @property
    def trainer(self) -> str | None:
        """The name of the trainer that the dataset is for."""

    @property
    def quiet(self) -> bool:
        """Whether only errors are printed."""


def report_notes(job: "Job") -> None:
    """Note an empty dataset, a color that is not visible, and images that Pillow does not open."""
    from pixelgen.source_images import MOST_PIXELS, WARNED_PIXELS

    if not job.count:
        report("note: -n 0 makes a dataset without images; for 100 images write -n 100")
    image = job.image
    is_hidden = image.density == 1 and not any(each.has_coverage for each in image.family.families)
    if is_hidden and image.color is not None and image.color.alpha:
        report(f"note: the color {image.color} is not visible at density 1")
    if job.format.name != "npy" and image.size.most_pixels > WARNED_PIXELS:
        does, most = "warns about", WARNED_PIXELS
        if image.size.most_pixels > MOST_PIXELS:
            does, most = "refuses to open", MOST_PIXELS
        report(
            f"note: Pillow {does} images of over {most:,} pixels: {image.size};"
            " set PIL.Image.MAX_IMAGE_PIXELS = None before you load them"
        )


def check_trainers(job: "Job", options: RunnableOptions) -> None:
    """Refuse what the trainer of --for would not take; of others, note what they would not."""
    from pixelgen.trainers import TRAINERS, find_trainer

    if options.trainer:
        for objection in find_trainer(options.trainer).objections(job):
            raise BadValue(objection)
    elif not options.quiet:
        for trainer in TRAINERS.values():
            if trainer.can_read_layout(job):
                for objection in trainer.objections(job):
                    report(f"note: {objection}")
