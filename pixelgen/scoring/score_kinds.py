"""The highest confidence of each class, from the outputs of each kind of model.

Sources: the layouts of outputs are those of Ultralytics (YOLOv5, YOLOv8 … YOLO26), torchvision,
and the DETR, RT-DETR and RF-DETR of Hugging Face and Roboflow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]

TOLERANCE = 1e-3
"""How far beyond 0 … 1 a confidence may be, by rounding."""

MOST_CLASSES = 100_000
"""A label of this number or more is taken for something else."""


@dataclass(frozen=True)
class ScoreKind:
    """What the outputs of a model are.

    Attributes:
        name: As in ``--score``.
        title: As in the description of a model.
        shape: Of the output that is read, as text.
        smallest: Its smallest shape: as many axes, and the length of each.
        confidences: From the outputs to (N, classes): the highest confidence of each class in each
            image; NaN where an output holds something else.
        is_detector: Whether it finds objects; else it classifies images, or their places.
        letterbox: Whether its images usually keep their aspect ratio.
        has_labels: Whether each box has a score and a label, not a score for each class.
    """

    name: str
    title: str
    shape: str
    smallest: tuple[int, ...]
    confidences: Callable[[Sequence[Floats]], Floats]
    is_detector: bool = True
    letterbox: bool = False
    has_labels: bool = False

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Return whether an output of a shape can be of this kind."""
        return len(shape) == len(self.smallest) and all(
            length >= least for length, least in zip(shape, self.smallest, strict=True)
        )


def are_confidences(values: Floats) -> bool:
    """Return whether all values are numbers of 0 … 1, but for rounding."""
    return bool(np.all((values >= -TOLERANCE) & (values <= 1 + TOLERANCE)))  # False for NaN


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _sigmoid(logits: Floats) -> Floats:
    # An infinite logit is an overflow in the model, and no confidence.
    return np.where(logits == np.inf, np.nan, (1 + np.tanh(logits / 2)) / 2)


def _yolov8(outputs: Sequence[Floats]) -> Floats:
    """Take (N, 4 + classes, anchors); further rows may be masks, key points or angles."""
    return np.asarray(outputs[0][:, 4:].max(axis=2))


def _rtdetr(outputs: Sequence[Floats]) -> Floats:
    """Take (N, queries, 4 + classes)."""
    return np.asarray(outputs[0][:, :, 4:].max(axis=1))


def _yolov5(outputs: Sequence[Floats]) -> Floats:
    """Take (N, anchors, 5 + classes): the confidence is that of an object times the class's."""
    return np.asarray((outputs[0][:, :, 4:5] * outputs[0][:, :, 5:]).max(axis=1))


def _end2end(outputs: Sequence[Floats]) -> Floats:
    """Take (N, boxes, 6 or more): four coordinates, score, class."""
    return _best_of_labels(outputs[0][:, :, 4], outputs[0][:, :, 5])


def _scores(outputs: Sequence[Floats]) -> Floats:
    """Take scores and, if there are any, labels: both (N, boxes), or (boxes,) of one image."""
    scores = np.atleast_2d(outputs[0])
    labels = np.atleast_2d(outputs[1]) if len(outputs) > 1 else np.zeros_like(scores)
    if labels.shape != scores.shape:
        return np.full((len(scores), 1), np.nan, np.float32)  # which are no confidences
    return _best_of_labels(scores, labels)


def _best_of_labels(scores: Floats, labels: Floats) -> Floats:
    """Return (N, classes) from the scores and labels of boxes, both (N, boxes)."""
    valid = (labels >= 0) & (labels < MOST_CLASSES) & (labels == np.floor(labels))
    valid &= scores >= -TOLERANCE
    classes = np.where(valid, labels, 0).astype(np.intp)
    best = np.zeros((len(scores), classes.max(initial=0) + 1), scores.dtype)
    images = np.arange(len(scores))[:, None]
    np.maximum.at(best, (images, classes), np.where(valid, scores, np.nan))
    return best


def _detr(outputs: Sequence[Floats]) -> Floats:
    """Take logits (N, queries, classes + 1), of which the last means: no object."""
    return np.asarray(_softmax(outputs[0])[:, :, :-1].max(axis=1))


def _detr_sigmoid(outputs: Sequence[Floats]) -> Floats:
    return _sigmoid(outputs[0].max(axis=1))


def _class_softmax(outputs: Sequence[Floats]) -> Floats:
    return _softmax(outputs[0])


def _class_sigmoid(outputs: Sequence[Floats]) -> Floats:
    return _sigmoid(outputs[0])


def _probabilities(outputs: Sequence[Floats]) -> Floats:
    return outputs[0]


def _heatmap(outputs: Sequence[Floats]) -> Floats:
    return np.asarray(outputs[0].max(axis=(2, 3)))


KINDS = {
    kind.name: kind
    for kind in (
        ScoreKind("yolov8", "YOLOv8 detector", "[N, 4 + classes, anchors]", (1, 5, 1),
                  _yolov8, letterbox=True),
        ScoreKind("yolov5", "YOLOv5 detector", "[N, anchors, 5 + classes]", (1, 1, 6),
                  _yolov5, letterbox=True),
        ScoreKind("rtdetr", "RT-DETR detector", "[N, queries, 4 + classes]", (1, 1, 5), _rtdetr),
        ScoreKind("end2end", "end-to-end detector", "[N, boxes, 6]", (1, 0, 6),
                  _end2end, letterbox=True, has_labels=True),
        ScoreKind("detr", "DETR detector", "[N, queries, classes + 1]", (1, 1, 2), _detr),
        ScoreKind("detr-sigmoid", "DETR detector with sigmoid", "[N, queries, classes]", (1, 1, 1),
                  _detr_sigmoid),
        ScoreKind("scores", "detector with scores", "[N, boxes] or [boxes]", (0,), _scores,
                  has_labels=True),
        ScoreKind("softmax", "classifier with softmax", "[N, classes]", (1, 2),
                  _class_softmax, is_detector=False),
        ScoreKind("probabilities", "classifier with probabilities", "[N, classes]", (1, 1),
                  _probabilities, is_detector=False),
        ScoreKind("sigmoid", "classifier with sigmoid", "[N, classes]", (1, 1),
                  _class_sigmoid, is_detector=False),
        ScoreKind("heatmap", "heat map", "[N, classes, height, width]", (1, 1, 1, 1),
                  _heatmap, is_detector=False),
    )
}  # fmt: skip
"""The kinds by name, in the order in which messages list them."""


def best_class(confidences: Floats, positive: int | None) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return the highest confidence in each image, and its class.

    Args:
        confidences: (N, classes).
        positive: The only class that counts. A class that no box has scores 0.
    """
    count, classes = confidences.shape
    if positive is None:
        best = confidences.argmax(axis=1)
        return confidences[np.arange(count), best], best
    only = np.full(count, positive, np.intp)
    values = confidences[:, positive] if positive < classes else np.zeros(count)
    return np.asarray(values), only
