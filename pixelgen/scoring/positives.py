"""The user's own images of objects: what a model must find for its other scores to count."""

from collections.abc import Sequence

import numpy as np

from pixelgen.errors import BadValue
from pixelgen.scoring.base import Model
from pixelgen.scoring.candidates import to_rgb
from pixelgen.source_images import SourceFolder

LEAST_MEDIAN = 0.1
"""Of the scores of positives from which a threshold is computed."""


def score_positives(folder: SourceFolder, model: Model) -> list[float]:
    """Return the scores of the user's own images, each decoded whole, in order of their names.

    Raises:
        PixelgenError: For an image that has changed since it was scanned.
    """
    score = model.open()
    values: list[float] = []
    for image in folder.images:
        values += [value for value, _ in score([to_rgb(folder.decoded.levels(image))])]
    return values


def check_positives(values: Sequence[float], threshold: float, path: str) -> None:
    """Refuse a model that does not find its objects in the user's images.

    Then it is fed wrongly, and no score of other images means anything.

    Raises:
        BadValue: Where the median of their scores is below a threshold.
    """
    median = float(np.median(values))
    if median < threshold:
        raise BadValue(
            f"the median score of {len(values):,} images in {path!r} is {median:.3g}, below"
            f" {threshold:.3g}: the model does not find its objects there; check how images are"
            " fed to it (--input-size, --mean, --std, --scale, --bgr, --letterbox, --layout-in) and"
            " read (--score, --output, --positive), or give a lower --threshold"
        )


def threshold_of(values: Sequence[float], recall: float) -> float:
    """Return the highest threshold that a share of the scores of positives reach."""
    return float(np.percentile(values, 100 * (1 - recall), method="lower"))
