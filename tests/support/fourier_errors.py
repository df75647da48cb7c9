"""Fourier transforms that are as wrong as they may be."""

import numpy as np
import pytest

from pixelgen.numeric import fourier
from pixelgen.numeric.exact import Field


def fourier_errors(monkeypatch: pytest.MonkeyPatch, bound: float = 2e-4) -> list[int]:
    """Have every value off by up to ``bound`` before it is rounded, and the bound say so.

    Returns a list that gets, at each rounding, how many values were so near to an edge that they
    were computed in integers.
    """
    rng = np.random.RandomState(1)
    rounded = fourier._rounded
    found = []

    def wrongly(values: Field, doubt: float) -> tuple[Field, list[tuple[int, int]]]:
        values += rng.uniform(-bound, bound, values.shape)
        whole, places = rounded(values, doubt)
        found.append(len(places))
        return whole, places

    monkeypatch.setattr(fourier, "_error", lambda *_: 1.25 * bound)
    monkeypatch.setattr(fourier, "_rounded", wrongly)
    return found
