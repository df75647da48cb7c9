"""What the outputs of a model are: by the options, the metadata, their names and shapes.

A model is run on a few fixed images, as shapes are often unknown before. What is found then is a
value, so that no worker decides again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixelgen.errors import BadValue
from pixelgen.scoring.model_metadata import ModelMetadata
from pixelgen.scoring.model_options import ModelOptions
from pixelgen.scoring.score_kinds import KINDS, Floats, are_confidences

_LOGITS = ("logits", "pred_logits")
_BOXES = ("boxes", "pred_boxes", "dets")
_LABELS = ("labels", "classes", "det_classes", "class_ids")
_SIGMOID_PROCESSORS = ("RTDetr", "DeformableDetr", "ConditionalDetr")
_END2END_ROW = 6
_MOST_BOXES = 1000


@dataclass(frozen=True)
class Verdict:
    """What a model is.

    Attributes:
        kind: Name of the score kind.
        outputs: Names of the outputs that are read, that of the scores first.
        classes: How many classes the output has, if it has more columns than they; or None.
        reason: What the kind was found by.
    """

    kind: str
    outputs: tuple[str, ...]
    classes: int | None
    reason: str


@dataclass(frozen=True)
class Probe:
    """The outputs of a model for fixed images, by name in the order of the model.

    Attributes:
        path: Of the model.
        runs: The outputs of one or more batches.
        images: How many are in a batch.
    """

    path: str
    runs: tuple[dict[str, Floats], ...]
    images: int

    @property
    def outputs(self) -> dict[str, Floats]:
        """The outputs of the first batch."""
        return self.runs[0]

    def rows(self, name: str) -> Floats:
        """Return the rows that an output has for all images, where they are of one length."""
        found = [run[name] for run in self.runs]
        return np.concatenate([each for each in found if each.shape[1:] == found[0].shape[1:]])

    def describe(self) -> str:
        """Return the names and shapes of the outputs, for a message."""
        return ", ".join(f"{name} {list(value.shape)}" for name, value in self.outputs.items())


def detect(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict:
    """Return what a model is.

    Raises:
        BadValue: Where it cannot be found out, or an option does not fit.
    """
    if options.output and options.output not in probe.outputs:
        raise BadValue(
            f"model {probe.path} has no output {options.output!r}; choose one of"
            f" {', '.join(probe.outputs)} with --output"
        )
    verdict = (
        _by_option(probe, options, metadata)
        or _by_metadata(probe, options, metadata)
        or _by_processor(probe, options, metadata)
        or _by_names(probe, options, metadata)
        or _by_shapes(probe, options, metadata)
    )
    if verdict is None:
        raise BadValue(
            f"what the model {probe.path} returns is unknown ({probe.describe()}); choose one of"
            f" {', '.join(KINDS)} with --score, and an output with --output if there are several"
        )
    return verdict


def _by_option(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict | None:
    if not options.score:
        return None
    if options.score not in KINDS:
        raise BadValue(
            f"unknown score kind {options.score!r}; choose one of {', '.join(KINDS)} with --score"
        )
    return _read_as(options.score, probe, options, metadata, "as given by --score")


def _by_metadata(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict | None:
    """Return the kind of a model of Ultralytics, whose first output is the one to read."""
    if not metadata.task:
        return None
    name = options.output or next(iter(probe.outputs))
    if metadata.task == "classify":
        kind = _classifier_kind(probe.rows(name))
    elif metadata.end2end or probe.outputs[name].shape[2:] == (_END2END_ROW,):
        kind = "end2end"
    else:
        kind = "yolov8"
    if kind is None:
        return None
    return _read_as(kind, probe, options, metadata, "from its metadata")


def _by_processor(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict | None:
    """Return that of a DETR whose classes are independent, as its image processor says."""
    processor = metadata.processor
    name = _find_output(probe, options, _LOGITS)
    if not processor or not processor.type.startswith(_SIGMOID_PROCESSORS) or not name:
        return None
    return _read_as("detr-sigmoid", probe, options, metadata, "from its preprocessor_config.json")


def _by_names(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict | None:
    names = {name.lower() for name in probe.outputs}
    kind = ""
    if "scores" in names and names & {*_LABELS, *_BOXES}:
        kind = "scores"
    elif {"dets", "labels"} <= names:
        kind = "detr-sigmoid"
    elif names & set(_LOGITS):
        kind = _logits_kind(probe, options, metadata)
    if not kind or (options.output and options.output != _default_output(kind, probe)):
        return None
    return _read_as(kind, probe, options, metadata, "by the names of its outputs")


def _logits_kind(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> str:
    """Return the kind of an output of logits; '' if unknown.

    A DETR without a column for "no object" has independent classes.
    """
    shape = probe.outputs[_find_output(probe, options, _LOGITS)].shape
    if len(shape) == 2:
        return "sigmoid" if shape[1] == 1 else "softmax"
    if len(shape) != 3 or not {name.lower() for name in probe.outputs} & set(_BOXES):
        return ""
    return "detr-sigmoid" if shape[-1] == len(metadata.names) else "detr"


def _by_shapes(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict | None:
    names = [options.output] if options.output else list(probe.outputs)
    found = [(name, kind) for name in names if (kind := _kind_of_shape(probe, name)) is not None]
    if len(found) != 1:
        return None
    name, kind = found[0]
    return _verdict(kind, (name,), probe, metadata, "by the shape of its output")


def _kind_of_shape(probe: Probe, name: str) -> str | None:
    values = probe.outputs[name]
    if values.ndim == 2:
        return _classifier_kind(probe.rows(name))
    if values.ndim == 3:
        return _detector_kind(values)
    if values.ndim == 4 and are_confidences(values):
        return "heatmap"
    return None


def _classifier_kind(values: Floats) -> str | None:
    """Return what (N, classes) is. None if it may be probabilities or logits.

    Numbers of 0 … 1 that do not add up to 1 may be probabilities of independent classes, or logits.
    """
    if values.ndim != 2 or not values.size:
        return None
    inside = are_confidences(values)
    if values.shape[1] == 1:
        return None if inside else "sigmoid"
    if inside:
        return "probabilities" if np.allclose(values.sum(axis=1), 1, rtol=0, atol=1e-3) else None
    return "softmax"


def _detector_kind(values: Floats) -> str | None:
    """Return which YOLO it is: anchors are many, so their axis is the longer one.

    The coordinates of boxes are in pixels; without any beyond 1 it is something else.
    """
    _, first, second = values.shape
    if first < second:
        is_yolov8 = KINDS["yolov8"].fits(values.shape) and values[:, :4].max() > 1
        return "yolov8" if is_yolov8 else None
    if first == second or second < _END2END_ROW or not values[:, :, :4].max() > 1:
        return None
    classes = values[:, :, -1]
    if second == _END2END_ROW and first <= _MOST_BOXES and np.all(classes == np.floor(classes)):
        return "end2end"
    return "yolov5"


def _find_output(probe: Probe, options: ModelOptions, names: Sequence[str]) -> str:
    """Return the given output, or the first that has one of the names; '' if none has."""
    if options.output:
        return options.output
    return next((name for name in probe.outputs if name.lower() in names), "")


def _default_output(kind: str, probe: Probe) -> str:
    """Return the output that a kind has its scores in."""
    usual = {
        "detr": _LOGITS,
        "detr-sigmoid": (*_LOGITS, "labels"),
        "scores": ("scores",),
        "softmax": _LOGITS,
        "sigmoid": _LOGITS,
    }
    named = next((name for name in probe.outputs if name.lower() in usual.get(kind, ())), "")
    fitting = [name for name, value in probe.outputs.items() if KINDS[kind].fits(value.shape)]
    return named or next(iter(fitting or probe.outputs))


def _read_as(
    kind: str, probe: Probe, options: ModelOptions, metadata: ModelMetadata, reason: str
) -> Verdict:
    """Return the verdict for a kind, whose outputs are found by name or shape."""
    name = options.output or _default_output(kind, probe)
    labels = [each for each in probe.outputs if each.lower() in _LABELS and each != name]
    outputs = (name, *labels[:1]) if kind == "scores" else (name,)
    return _verdict(kind, outputs, probe, metadata, reason)


def _verdict(
    kind: str, outputs: tuple[str, ...], probe: Probe, metadata: ModelMetadata, reason: str
) -> Verdict:
    shapes = [probe.outputs[name].shape for name in outputs]
    fits = KINDS[kind].fits(shapes[0])
    if kind == "scores":
        fits = len(shapes[0]) in {1, 2} and len(set(shapes)) == 1
    if not fits:
        raise BadValue(
            f"output {outputs[0]!r} of the model {probe.path} is {list(shapes[0])}: {kind} must be"
            f" {KINDS[kind].shape}; choose another --score ({', '.join(KINDS)}) or --output"
            f" ({', '.join(probe.outputs)})"
        )
    return Verdict(kind, outputs, _count_classes(kind, shapes[0], probe, metadata), reason)


def _count_classes(
    kind: str, shape: tuple[int, ...], probe: Probe, metadata: ModelMetadata
) -> int | None:
    """Return the number of classes, where the model has their names and more rows than these."""
    rows = {"yolov8": shape[1] - 4, "yolov5": shape[-1] - 5}.get(kind) if len(shape) == 3 else None
    if rows is None or not metadata.has_names:
        return None
    if len(metadata.names) > rows:
        raise BadValue(
            f"model {probe.path} has the names of {len(metadata.names)} classes in its metadata,"
            f" but its output has {rows}; export it again, or choose another --output"
        )
    return len(metadata.names)
