"""Statistics by which families are compared with the originals that they cite.

Each takes images, (images, height, width, channels) of uint8, and returns one number. Levels are
those of 0 … 255.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Images: TypeAlias = npt.NDArray[np.uint8]
_Floats: TypeAlias = npt.NDArray[Any]


def mean_level(images: Images) -> float:
    """Return the mean of all levels."""
    return float(images.mean())


def contrast(images: Images) -> float:
    """Return the standard deviation of the levels of a channel, the mean over images."""
    return float(images.std(axis=(1, 2)).mean())


def spread_of_means(images: Images) -> float:
    """Return the standard deviation, over images, of an image's mean level."""
    return float(images.mean(axis=(1, 2, 3)).std())


def tint(images: Images) -> float:
    """Return the range of the means of an image's channels, the mean over images."""
    return float(np.ptp(images.mean(axis=(1, 2)), axis=1).mean())


def share_at_ends(images: Images) -> float:
    """Return the share of levels that are 0 or 255."""
    return float(((images == 0) | (images == 255)).mean())


def share_of_zeros(images: Images) -> float:
    """Return the share of levels that are 0."""
    return float((images == 0).mean())


def covered(images: Images) -> float:
    """Return the share of pixels of which some channel is not 0."""
    return float(images.any(axis=3).mean())


def spread_of_covered(images: Images) -> float:
    """Return the standard deviation, over images, of an image's share of such pixels."""
    return float(images.any(axis=3).mean(axis=(1, 2)).std())


def edge_correlation(images: Images) -> float:
    """Return the correlation of the levels in the first and the last column, over all images."""
    first, last = images[:, :, 0].ravel(), images[:, :, -1].ravel()
    return float(np.corrcoef(first, last)[0, 1])


def _correlations(images: Images) -> _Floats:
    """Return the correlation of red with green, green with blue and red with blue, an image each.

    Images of which a channel is constant do not count.
    """
    planes = images.reshape(len(images), -1, images.shape[3]).astype(float)
    planes -= planes.mean(axis=1, keepdims=True)
    deviations = planes.std(axis=1)
    products = np.einsum("npa,npb->nab", planes, planes) / planes.shape[1]
    is_drawn = deviations.min(axis=1) > 0
    scales = deviations[is_drawn, :, None] * deviations[is_drawn, None, :]
    correlations = products[is_drawn] / scales
    found: _Floats = correlations[:, (0, 1, 0), (1, 2, 2)]
    return found


def channel_correlation(images: Images) -> float:
    """Return the correlation of two channels of an image, the mean over images and pairs."""
    return float(_correlations(images).mean())


def channel_correlation_spread(images: Images) -> float:
    """Return the standard deviation of that correlation over images and pairs."""
    return float(_correlations(images).std())


def step_kurtosis(images: Images) -> float:
    """Return the excess kurtosis of the differences of horizontal neighbours, the mean over images.

    Images without a difference do not count.
    """
    steps = np.diff(images.astype(float), axis=2).reshape(len(images), -1)
    steps -= steps.mean(axis=1, keepdims=True)
    variances = (steps**2).mean(axis=1)
    is_drawn = variances > 0
    fourth = (steps[is_drawn] ** 4).mean(axis=1)
    return float((fourth / variances[is_drawn] ** 2).mean() - 3)


def spectral_slope(images: Images) -> float:
    """Return the slope of log power over log frequency, from 4 cycles an image to a quarter.

    Power is averaged over images, channels and directions, of the windowed luma's transform.
    """
    gray = images.astype(float).mean(axis=3)
    gray -= gray.mean(axis=(1, 2), keepdims=True)
    height, width = gray.shape[1:]
    window = np.outer(np.hanning(height), np.hanning(width))
    power = (np.abs(np.fft.fft2(gray * window)) ** 2).mean(axis=0)
    rows, columns = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    radius = np.rint(np.hypot(rows, columns) * min(height, width)).astype(int)
    bins = np.arange(4, min(height, width) // 4)
    levels = [power[radius == each].mean() for each in bins]
    return float(np.polyfit(np.log(bins), np.log(levels), 1)[0])


def anisotropy(images: Images) -> float:
    """Return the coherence of the structure tensor of a whole image, the mean over images.

    It is |λ₁ − λ₂| ÷ (λ₁ + λ₂) of the tensor's eigenvalues, of luma: 0 if all directions are alike,
    1 if levels change along one direction only. Images of one level do not count.
    """
    down, across = np.gradient(images.astype(float).mean(axis=3), axis=(1, 2))
    squares = [(one * two).mean(axis=(1, 2)) for one, two in
               ((down, down), (across, across), (down, across))]  # fmt: skip
    difference = np.hypot(squares[0] - squares[1], 2 * squares[2])
    total = squares[0] + squares[1]
    return float((difference[total > 0] / total[total > 0]).mean())


def power_in_the_middle(images: Images) -> float:
    """Return the share of a channel's power at 16 to 64 cycles an image, the mean over all."""
    planes = images.astype(float)
    planes -= planes.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(planes, axes=(1, 2))) ** 2
    height, width = planes.shape[1:3]
    rows, columns = np.fft.fftfreq(height)[:, None] * height, np.fft.fftfreq(width) * width
    cycles = np.hypot(rows, columns)
    inside = power[:, (cycles >= 16) & (cycles < 64)].sum(axis=1)
    return float((inside / np.maximum(power.sum(axis=(1, 2)), 1e-9)).mean())


STATISTICS: Mapping[str, Callable[[Images], float]] = {
    "mean level": mean_level,
    "contrast": contrast,
    "spread of image means": spread_of_means,
    "tint": tint,
    "share at the ends": share_at_ends,
    "share of zeros": share_of_zeros,
    "share of pixels covered": covered,
    "spread of that share": spread_of_covered,
    "correlation of opposite edges": edge_correlation,
    "correlation of channels": channel_correlation,
    "its spread": channel_correlation_spread,
    "kurtosis of steps": step_kurtosis,
    "spectral slope": spectral_slope,
    "anisotropy": anisotropy,
    "power at 16 to 64 cycles": power_in_the_middle,
}
"""By the names in the table."""
