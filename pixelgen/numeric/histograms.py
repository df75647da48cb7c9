"""The histogram of a field made that of a table, exactly: values keep their order."""

import numpy as np

from pixelgen.numeric.exact import Field
from pixelgen.numeric.fourier import Plane
from pixelgen.numeric.lookup import row_bands

ENTRIES = 16384
"""How many equally likely values, in ascending order, a table has."""
_BINS = 8192


def give_histogram(field: Plane, table: Field) -> None:
    """Replace the values of a field by those of the same rank in a table of ``ENTRIES`` values.

    The range of the field is divided into bins of one width; those in one bin get the value of the
    middle one. A field of one value gets that of the median.
    """
    low = float(field.min())
    span = float(field.max()) - low
    scale = (_BINS - 1) / span if span > 0 else 0.0
    bins = np.empty(field.shape, np.uint16)
    counts = np.zeros(_BINS, np.int64)
    for rows in row_bands(*field.shape):
        places = (field[rows] - low) * scale
        bins[rows] = np.rint(places, out=places)
        counts += np.bincount(bins[rows].ravel(), minlength=_BINS)
    doubled = 2 * np.cumsum(counts) - counts
    # Below 2**15 times the pixels.
    values = table.take(doubled * ENTRIES // (2 * field.size), mode="clip")
    for rows in row_bands(*field.shape):
        field[rows] = values.take(bins[rows])
