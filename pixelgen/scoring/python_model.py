"""A function of the user's as a model: ``package.module:function``."""

import hashlib
import importlib
import inspect
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from pixelgen.errors import BadValue, PixelgenError
from pixelgen.scoring.base import Image, Model, Score, Scorer
from pixelgen.scoring.score_kinds import TOLERANCE, are_confidences

_BATCH = 32

Hook: TypeAlias = Callable[[Any], Any]
"""uint8[N, H, W, 3] → float[N] of 0 … 1, or with it a list of N class names."""


@dataclass(frozen=True)
class PythonModel(Model):
    """A function that scores batches of images of one size; ``path`` names it."""

    @property
    def description(self) -> str:
        """The function by name."""
        return f"Python function {self.path}, images of any size, RGB, levels 0 … 255"

    @property
    def input_size(self) -> None:
        """None: images are not resized."""
        return

    @property
    def default_threshold(self) -> float:
        """Half of the range."""
        return 0.5

    @property
    def record(self) -> dict[str, str]:
        """The name of the function, and the SHA-256 of the file that it is defined in."""
        return {"function": self.path, "sha256": _digest_code(_import_hook(self.path))}

    def absolute(self) -> Self:
        """Return it as it is: it is imported by its name."""
        return self

    def open(self) -> Scorer:
        """Import the function."""
        return _HookScorer(self.path, _import_hook(self.path))


@dataclass(frozen=True)
class FunctionModel(PythonModel):
    """A function that is there already, by itself; ``path`` names it."""

    function: Hook

    @classmethod
    def of(cls, function: Hook) -> Self:
        """Return the model of a function."""
        name = getattr(function, "__qualname__", type(function).__qualname__)
        return cls(f"{function.__module__}:{name}", function)

    @property
    def is_local(self) -> bool:
        """Whether workers cannot import it: one of a notebook or a script, or within another."""
        if self.function.__module__ == "__main__":
            return True
        try:
            pickle.dumps(self.function)
        except (pickle.PicklingError, AttributeError, TypeError):
            return True
        return False

    @property
    def record(self) -> dict[str, str]:
        """The name of the function, and the SHA-256 of the file that it is defined in."""
        return {"function": self.path, "sha256": _digest_code(self.function)}

    def open(self) -> Scorer:
        """Return what calls the function."""
        return _HookScorer(self.path, self.function)


def load_python_model(path: str) -> PythonModel:
    """Import a function, as a check.

    Raises:
        BadValue: Where it cannot be imported.
    """
    _import_hook(path)
    return PythonModel(path)


def _digest_code(function: Hook) -> str:
    """Return the SHA-256 of the file of a function's code, of its code where it has no file."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:  # of an object that can be called, or of another language
        return ""
    file = Path(code.co_filename)
    return hashlib.sha256(file.read_bytes() if file.is_file() else code.co_code).hexdigest()


def _import_hook(path: str) -> Hook:
    module, _, name = path.partition(":")
    folder = str(Path.cwd())
    if folder not in sys.path:  # as of a program that Python runs
        sys.path.insert(0, folder)
    importlib.invalidate_caches()  # of a module that was just written
    try:
        with redirect_stdout(sys.stderr):
            hook = getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 – of code of the user's
        raise BadValue(f"cannot import the function {path}: {_in_a_line(error)}") from None
    if not callable(hook):
        raise BadValue(
            f"{path} is not a function: must be one that takes uint8[N,H,W,C] and returns N scores"
        )
    function: Hook = hook
    return function


class _HookScorer:
    def __init__(self, path: str, hook: Hook) -> None:
        self._path = path
        self._hook = hook

    def __call__(self, images: Sequence[Image]) -> list[Score]:
        scores = [Score(0.0, "")] * len(images)
        for indices in _batches(images):
            results = self._score_batch(np.stack([images[index] for index in indices]))
            for index, score in zip(indices, results, strict=True):
                scores[index] = score
        return scores

    def _score_batch(self, batch: Image) -> list[Score]:
        try:
            with redirect_stdout(sys.stderr):  # stdout has the result alone
                result = self._hook(batch)
        except Exception as error:  # noqa: BLE001 – of code of the user's
            raise PixelgenError(f"{self._path} failed: {_in_a_line(error)}") from None
        names: Sequence[str] = [""] * len(batch)
        if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], list):
            result, names = result
        return [Score(*each) for each in zip(self._check(result, names, len(batch)), names,
                                             strict=True)]  # fmt: skip

    def _check(self, values: Any, names: Sequence[object], count: int) -> list[float]:
        """Return the scores as numbers 0 … 1, if there is one for each image."""
        try:
            scores = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError, RuntimeError) as error:
            raise PixelgenError(f"{self._path} must return numbers: {_in_a_line(error)}") from None
        if scores.shape != (count,):
            raise PixelgenError(
                f"{self._path} returned an array of shape {list(scores.shape)} for {count} images:"
                f" must be of shape [{count}]"
            )
        if len(names) != count or not all(isinstance(name, str) for name in names):
            raise PixelgenError(
                f"{self._path} must return, with {count} scores, a list of {count} class names"
            )
        if not are_confidences(scores):
            raise PixelgenError(
                f"{self._path} returned the scores {scores.min():g} … {scores.max():g}: each must"
                f" be a number of 0 … 1, up to {TOLERANCE:g}"
            )
        return [float(score) for score in scores.clip(0, 1)]


def _batches(images: Sequence[Image]) -> Iterator[list[int]]:
    """Yield the indices of images of one size, at most 32 at a time."""
    sizes: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        sizes.setdefault(image.shape, []).append(index)
    for indices in sizes.values():
        for start in range(0, len(indices), _BATCH):
            yield indices[start : start + _BATCH]


def _in_a_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
