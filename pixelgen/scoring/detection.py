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
from pixelgen.scoring.onnx_graph import has_operator
from pixelgen.scoring.score_kinds import KINDS, Floats, are_confidences

_LOGITS = ("logits", "pred_logits")
_BOXES = ("boxes", "pred_boxes", "dets")
_LABELS = ("labels", "classes", "det_classes", "class_ids")
_SIGMOID_PROCESSORS = ("RTDetr", "DeformableDetr", "ConditionalDetr")
_SOFTMAX_PROCESSORS = ("Detr", "Yolos")
_END2END_ROW = 6
_MOST_BOXES = 1000


@dataclass(frozen=True)
class Verdict:
    """What a model is.

    Attributes:
        kind: Name of the score kind.
        outputs: Names of the outputs that are read, that of the scores first.
        classes: How many classes the output has, if it has more columns than they; or None.
        letterbox: Whether its images usually keep their aspect ratio.
        reason: What the kind was found by.
    """

    kind: str
    outputs: tuple[str, ...]
    classes: int | None
    letterbox: bool
    reason: str


@dataclass(frozen=True)
class Probe:
    """The outputs of a model for fixed images, by name in the order of the model.

    Attributes:
        path: Of the model.
        runs: The outputs of one or more batches.
        integers: Names of the outputs of integers.
        images: How many are in a batch.
    """

    path: str
    runs: tuple[dict[str, Floats], ...]
    integers: frozenset[str]
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
        or _by_names(probe, options, metadata)
        or _by_detr(probe, options, metadata)
        or _by_boxes(probe, options, metadata)
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
    values = probe.outputs[name]
    if metadata.task == "classify":
        kind = _classifier_kind(probe.rows(name))
    elif not metadata.end2end and _is_rtdetr(values, len(metadata.names)):
        kind = "rtdetr"
    elif metadata.end2end or values.shape[2:] == (_END2END_ROW,):
        kind = "end2end"
    else:
        kind = "yolov8"
    if kind is None:
        return None
    return _read_as(kind, probe, options, metadata, "from its metadata")


def _is_rtdetr(values: Floats, classes: int) -> bool:
    """Return whether it is the RT-DETR of Ultralytics up to 8.3: (N, queries, 4 + classes).

    Its boxes are of 0 … 1. A last column of integers is the class of an end-to-end detector.
    """
    fits = values.shape[2:] == (4 + classes,) and are_confidences(values)
    return fits and bool(np.any(values[:, :, -1] % 1))


def _by_names(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict | None:
    names = {name.lower() for name in probe.outputs}
    kind = ""
    if "scores" in names and names & {*_LABELS, *_BOXES}:
        kind = "scores"
    elif {"dets", "labels"} <= names:
        kind = "detr-sigmoid"
    elif names & set(_LOGITS):
        kind = _logits_kind(probe, options)
    if not kind or (options.output and options.output != _default_output(kind, probe)):
        return None
    return _read_as(kind, probe, options, metadata, "by the names of its outputs")


def _logits_kind(probe: Probe, options: ModelOptions) -> str:
    """Return the kind of an output of logits of a classifier; '' if it is not that."""
    shape = probe.outputs[_find_output(probe, options, _LOGITS)].shape
    if len(shape) != 2:
        return ""
    return "sigmoid" if shape[1] == 1 else "softmax"


def _by_detr(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict | None:
    """Return that of a DETR, which has logits and boxes for each query."""
    name = _find_output(probe, options, _LOGITS)
    has_boxes = {each.lower() for each in probe.outputs} & set(_BOXES)
    if name.lower() not in _LOGITS or probe.outputs[name].ndim != 3 or not has_boxes:
        return None
    kind, reason = _detr_kind(name, probe, metadata)
    return _read_as(kind, probe, options, metadata, reason)


def _detr_kind(name: str, probe: Probe, metadata: ModelMetadata) -> tuple[str, str]:
    """Return the kind of a DETR, and what it was found by.

    Only the first ones (DETR, YOLOS, Table Transformer) have a column for "no object". Those with
    deformable attention, for which ONNX has the operator GridSample, came later: their classes are
    independent, as in Deformable DETR, DINO, RT-DETR, D-FINE and RF-DETR.

    Raises:
        BadValue: Where it is unknown.
    """
    columns = probe.outputs[name].shape[-1]
    processor = metadata.processor.type if metadata.processor else ""
    if processor.startswith(_SIGMOID_PROCESSORS):
        return "detr-sigmoid", "from its preprocessor_config.json"
    if has_operator(probe.path, "GridSample"):
        return "detr-sigmoid", "by its operator GridSample"
    if metadata.names and 0 <= columns - len(metadata.names) <= 1:
        kind = "detr-sigmoid" if columns == len(metadata.names) else "detr"
        return kind, "by the number of its classes"
    if processor.startswith(_SOFTMAX_PROCESSORS):
        return "detr", "from its preprocessor_config.json"
    raise BadValue(
        f"output {name!r} of the model {probe.path} is of a DETR, and whether its last column is of"
        " no object is unknown; give --score detr (DETR, YOLOS, Table Transformer) or --score"
        " detr-sigmoid (any other), or copy its config.json beside it"
    )


def _by_boxes(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict | None:
    """Return that of boxes with a score and a label each, which are integers, by their shapes."""
    shapes = {name: value.shape for name, value in probe.outputs.items()}
    found = [
        (scores, labels)
        for labels in probe.integers
        for scores in shapes.keys() - probe.integers
        if len(shapes[labels]) in {1, 2}
        and shapes[scores] == shapes[labels]
        and (*shapes[labels], 4) in shapes.values()
    ]
    if len(found) != 1 or options.output not in {"", found[0][0]}:
        return None
    return _verdict("scores", found[0], probe, metadata, "by the shapes of its outputs")


def _by_shapes(probe: Probe, options: ModelOptions, metadata: ModelMetadata) -> Verdict | None:
    names = [options.output] if options.output else sorted(probe.outputs.keys() - probe.integers)
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
    classes = _count_classes(kind, shapes[0], probe, metadata)
    return Verdict(kind, outputs, classes, _is_letterboxed(kind, probe.outputs[outputs[0]]), reason)


def _is_letterboxed(kind: str, values: Floats) -> bool:
    """Return whether images usually keep their aspect ratio.

    Those of the RT-DETR of Ultralytics do not; unlike an end-to-end YOLO, it has boxes of 0 … 1.
    """
    if kind == "end2end" and 0 < values[:, :, :4].max(initial=0) <= 1:
        return False
    return KINDS[kind].letterbox


def _count_classes(
    kind: str, shape: tuple[int, ...], probe: Probe, metadata: ModelMetadata
) -> int | None:
    """Return the number of classes, where the model has their names and more rows than these."""
    if len(shape) != 3:
        return None
    rows = {"yolov8": shape[1] - 4, "rtdetr": shape[2] - 4, "yolov5": shape[2] - 5}.get(kind)
    if rows is None or not metadata.has_names:
        return None
    if len(metadata.names) > rows:
        raise BadValue(
            f"model {probe.path} has the names of {len(metadata.names)} classes in its metadata,"
            f" but its output has {rows}; export it again, or choose another --output"
        )
    return len(metadata.names)
