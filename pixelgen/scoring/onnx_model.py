"""An ONNX model as a value, and its scorer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from pixelgen.errors import BadValue, PixelgenError, suggest_name
from pixelgen.scoring.base import Image, Model, Score, Scorer
from pixelgen.scoring.detection import Probe, Verdict, detect
from pixelgen.scoring.input_choice import choose_preprocessing
from pixelgen.scoring.model_metadata import read_metadata
from pixelgen.scoring.model_options import ModelOptions
from pixelgen.scoring.onnx_file import (
    INTEGERS,
    OPTIMIZATION,
    PROVIDER,
    Session,
    digest_file,
    open_session,
    runtime_version,
)
from pixelgen.scoring.preprocessing import Preprocessing
from pixelgen.scoring.score_kinds import (
    KINDS,
    MOST_CLASSES,
    Floats,
    ScoreKind,
    are_confidences,
    best_class,
)

_MOST_IMAGES = 32
_MOST_PIXELS = 32 * 224 * 224
"""In a batch: on one thread, larger ones need more memory and are not faster."""

_MOST_NAMED = 100


@dataclass(frozen=True)
class OnnxModel(Model):
    """A model in an ONNX file.

    Attributes:
        sha256: Of the file, in hexadecimal.
        runtime: Version of ONNX Runtime.
        provider: What of it runs the model.
        preprocessing: How images are fed.
        verdict: What the outputs are.
        names: Of the classes; () if unknown.
        classes: How many there are; None if unknown.
        positive: The number of the only class that counts, or None.
        batch: How many images are fed at a time.
        is_batch_fixed: Whether it must be that many.
    """

    sha256: str
    runtime: str
    provider: str
    preprocessing: Preprocessing
    verdict: Verdict
    names: tuple[str, ...]
    classes: int | None
    positive: int | None
    batch: int
    is_batch_fixed: bool

    @property
    def kind(self) -> ScoreKind:
        """What the outputs are."""
        return KINDS[self.verdict.kind]

    @property
    def description(self) -> str:
        """The kind, what it was found by, and how images are fed."""
        classes = "classes" if self.classes != 1 else "class"
        count = f" of {self.classes} {classes}" if self.classes else ""
        only = "" if self.positive is None else f", {self.name_of(self.positive)!r} alone"
        how = self.preprocessing.description
        return f"{self.kind.title}{count}{only} ({self.verdict.reason}), {how}"

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the input."""
        return self.preprocessing.width, self.preprocessing.height

    @property
    def default_threshold(self) -> float:
        """0.25 of a detector, as it is usual; else half of the range."""
        return 0.25 if self.kind.is_detector else 0.5

    def name_of(self, number: int) -> str:
        """Return the name of a class, or its number."""
        return self.names[number] if number < len(self.names) else str(number)

    @property
    def least_seconds(self) -> float:
        """That of reading the pixels of its input a few times, as no model does less."""
        return max(
            super().least_seconds, self.preprocessing.width * self.preprocessing.height / 1e8
        )

    @property
    def record(self) -> dict[str, str]:
        """The file by its SHA-256, what runs it, how images are fed and what is read."""
        return {
            "sha256": self.sha256,
            "runtime": f"onnxruntime {self.runtime}",
            "provider": self.provider,
            "optimization": OPTIMIZATION,
            "fed": self.preprocessing.description,
            "read": f"{self.verdict.kind} of {', '.join(self.verdict.outputs)}",
            "positive": "" if self.positive is None else self.name_of(self.positive),
        }

    def absolute(self) -> Self:
        """Return it with the absolute path of its file."""
        return replace(self, path=str(Path(self.path).absolute()))

    def open(self) -> Scorer:
        """Load the file, which must be the same one."""
        if digest_file(self.path) != self.sha256:
            raise BadValue(f"model {self.path} was changed meanwhile; run the command again")
        return _OnnxScorer(self, open_session(self.path))


class _OnnxScorer:
    def __init__(self, model: OnnxModel, session: Session) -> None:
        self._model = model
        self._session = session

    def __call__(self, images: Sequence[Image]) -> list[Score]:
        step = self._model.batch
        return [
            score
            for start in range(0, len(images), step)
            for score in self._score_chunk(images[start : start + step])
        ]

    def _score_chunk(self, images: Sequence[Image]) -> list[Score]:
        model = self._model
        fillers = model.batch - len(images) if model.is_batch_fixed else 0
        inputs = model.preprocessing.to_inputs([*images, *[images[-1]] * fillers])
        outputs = self._session.run(inputs, model.verdict.outputs)
        count = len(images) + fillers
        confidences = _to_confidences(model.path, model.verdict, outputs, count)
        values, classes = best_class(confidences[: len(images)], model.positive)
        return [
            Score(float(value), model.name_of(int(number)) if value > 0 else "")
            for value, number in zip(values, classes, strict=True)
        ]


def load_onnx_model(path: str, options: ModelOptions) -> OnnxModel:
    """Load an ONNX file, and run it on a few images to see what it returns.

    Raises:
        BadValue: Where it cannot be loaded or used, or an option does not fit it.
    """
    sha256 = digest_file(path)
    session = open_session(path)
    metadata = read_metadata(path, session.metadata)
    preprocessing = choose_preprocessing(session, options, metadata)
    try:
        probe = _probe(session, preprocessing)
        verdict = detect(probe, options, metadata)
        classes = _check_probe(probe, verdict) or len(metadata.names) or None
    except PixelgenError as error:
        raise BadValue(str(error)) from None
    takes_any = probe.images > 1 and _fixed_batch(session, preprocessing) is None
    return OnnxModel(
        path=path,
        sha256=sha256,
        runtime=runtime_version(),
        provider=PROVIDER,
        preprocessing=replace(
            preprocessing,
            letterbox=verdict.letterbox if options.letterbox is None else options.letterbox,
        ),
        verdict=verdict,
        names=metadata.names,
        classes=classes,
        positive=_find_positive(path, options.positive, metadata.names, classes),
        batch=_batch_size(preprocessing) if takes_any else probe.images,
        is_batch_fixed=not takes_any,
    )


def _probe(session: Session, preprocessing: Preprocessing) -> Probe:
    """Run a model on the fixed images: in batches of as many as it takes.

    Some models are of one image, though their input has any number: they fail with more, or an
    output has no row for each.
    """
    fixed = _fixed_batch(session, preprocessing)
    images = _probe_images(preprocessing)
    if fixed is not None:
        return _probe_in_batches(session, preprocessing, images, fixed)
    try:
        probe = _probe_in_batches(session, preprocessing, images, len(images))
    except PixelgenError:
        probe = None
    if probe and all(value.shape[:1] == (len(images),) for value in probe.outputs.values()):
        return probe
    return _probe_in_batches(session, preprocessing, images, 1)


def _fixed_batch(session: Session, preprocessing: Preprocessing) -> int | None:
    """Return how many images the input is of; None if any number."""
    if not preprocessing.layout.startswith("n"):
        return 1
    (shape,) = (each.shape for each in session.inputs if each.name == preprocessing.name)
    return shape[0] if isinstance(shape[0], int) else None


def _probe_in_batches(
    session: Session, preprocessing: Preprocessing, images: Sequence[Image], size: int
) -> Probe:
    names = [output.name for output in session.outputs]
    batches = [
        [images[(start + at) % len(images)] for at in range(size)]
        for start in range(0, len(images), size)
    ]
    runs = [session.run(preprocessing.to_inputs(batch), names) for batch in batches]
    outputs = tuple(dict(zip(names, run, strict=True)) for run in runs)
    integers = [each.name for each in session.outputs if INTEGERS.fullmatch(each.type)]
    return Probe(session.path, outputs, frozenset(integers), size)


def _probe_images(preprocessing: Preprocessing) -> list[Image]:
    """Return images that are the same everywhere: stripes, squares, black and white."""
    shape = (preprocessing.height, preprocessing.width, 3)
    y, x, channel = np.indices(shape, dtype=np.int64)
    stripes = (7 * x + 13 * y + 29 * channel) * 31 % 256
    squares = (7 * (x // 8) + 13 * (y // 8) + 29 * channel + 53) * 31 % 256
    levels = (stripes, squares, np.zeros(shape), np.full(shape, 255))
    return [each.astype(np.uint8) for each in levels]


def _check_probe(probe: Probe, verdict: Verdict) -> int | None:
    """Return the number of classes, once the outputs are confidences; None if it is unknown."""
    outputs = [probe.outputs[name] for name in verdict.outputs]
    if outputs[0].ndim == 1 and probe.images > 1:
        raise BadValue(
            f"output {verdict.outputs[0]!r} of the model {probe.path} is of one image, but its"
            f" input is of {probe.images}; export it for one image"
        )
    confidences = _to_confidences(probe.path, verdict, outputs, probe.images)
    return None if KINDS[verdict.kind].has_labels else confidences.shape[1]


def _batch_size(preprocessing: Preprocessing) -> int:
    pixels = preprocessing.width * preprocessing.height
    return max(1, min(_MOST_IMAGES, _MOST_PIXELS // pixels))


def _to_confidences(path: str, verdict: Verdict, outputs: Sequence[Floats], images: int) -> Floats:
    """Return (N, classes) from the outputs for N images.

    Raises:
        PixelgenError: Where they are not confidences of 0 … 1, or not of N images.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused below
        confidences = KINDS[verdict.kind].confidences(outputs)[:, : verdict.classes]
    if len(confidences) != images:
        raise PixelgenError(
            f"output {verdict.outputs[0]!r} of the model {path} has {len(confidences)} rows for"
            f" a batch of {images}; check --score and --output"
        )
    if not are_confidences(confidences):
        raise PixelgenError(
            f"output {verdict.outputs[0]!r} of the model {path}, as {verdict.kind}, has values"
            " that are not confidences of 0 … 1; check --score and --output"
        )
    return confidences.clip(0, 1)


def _find_positive(path: str, text: str, names: tuple[str, ...], classes: int | None) -> int | None:
    """Return the number of the class that a name or number means; None of ''."""
    if not text:
        return None
    number = int(text) if re.fullmatch("[0-9]{1,9}", text) else -1
    number = names.index(text) if text in names else number
    if 0 <= number < (classes or MOST_CLASSES):
        return number
    listed = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
    choices = listed or f"the numbers 0 … {(classes or MOST_CLASSES) - 1}"
    raise BadValue(
        f"model {path} has no class {text[:50]!r}{suggest_name(text, names) or ';'} choose one of"
        f" {choices} with --positive"
    )
