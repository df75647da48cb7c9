"""The options that say from which score on an image fools the model."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelgen.cli.command import HomePath, headed, together
from pixelgen.cli.output import pluralize, report
from pixelgen.errors import BadValue

if TYPE_CHECKING:
    from pixelgen.scoring.base import Model

_RECALL = re.compile(r"tpr([1-9]\d?(?:\.\d)?)")
_judge = headed("Judgement")

threshold_options = together([
    _judge("--threshold", metavar="SCORE",
           help="Score from which on an image fools the model, or tpr95: the one that 95 % of"
                " --positives reach.  [default: 0.25 for detectors, else 0.5]"),
    _judge("--positives", metavar="DIR", type=HomePath(),
           help="Images of your objects: the model must find them, or it is fed wrongly."),
])  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ThresholdChoice:
    """A threshold, as the options of ``threshold_options`` give it."""

    threshold: str | None
    positives: str | None
    quiet: bool

    def find_threshold(self, model: "Model") -> float:
        """Return the threshold, once the model was seen to find the user's objects, if given.

        Raises:
            BadValue: For a threshold that is out of range, and where it does not find them.
        """
        text = self.threshold
        recall = _RECALL.fullmatch(text) if text else None
        if recall and self.positives is None:
            raise BadValue(f"--threshold {text} needs images of your objects; give --positives DIR")
        threshold = model.default_threshold if text is None else _read_number(text, bool(recall))
        if self.positives is None:
            return threshold
        from pixelgen.scoring.positives import (
            LEAST_MEDIAN,
            check_positives,
            score_positives,
            threshold_of,
        )
        from pixelgen.source_images import ImageSource, scan_folder

        folder = scan_folder(ImageSource(self.positives), (1, 1))
        values = score_positives(folder, model)
        check_positives(values, LEAST_MEDIAN if recall else threshold, self.positives)
        if recall:
            threshold = threshold_of(values, float(recall[1]) / 100)
        if not self.quiet:
            report(f"{pluralize(len(values), 'positive')} scored, threshold {threshold:.4g}")
        return threshold


def _read_number(text: str, is_recall: bool) -> float:
    if is_recall:
        return 0.0  # until the positives are scored
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadValue(f"invalid --threshold {text[:50]!r}: must be a number of 0 … 1, or tpr95")
    return value
