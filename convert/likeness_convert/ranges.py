"""From what an activation was seen to be, to its scale and zero point: minmax, percentile, or least squares.

A histogram over [−reach, reach) whose reach doubles, two cells becoming one, when a value falls outside; so
one pass over the pictures is enough, and the result does not depend on their order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likeness_convert.errors import ConvertError
from likeness_convert.int8_network import Affine
from likeness_convert.state_dict import FloatArray

METHODS = ("minmax", "percentile", "mse")
CELLS = 8192
LEVELS = 255
SHRINKINGS = np.linspace(0.2, 1, 81)  # of either end, tried by `mse`


class Histogram:
    """Counts of every value seen, and the exact smallest and largest."""

    def __init__(self) -> None:
        self.reach = 1.0
        self.counts = np.zeros(CELLS, np.int64)
        self.low = self.high = 0.0  # zero is always in the range

    def add(self, values: FloatArray) -> None:
        """Counts `values`."""
        low, high = float(values.min()), float(values.max())
        if not np.isfinite(low + high):
            raise ConvertError("gives values that are infinite or NaN on the calibration pictures")
        self.low, self.high = min(self.low, low), max(self.high, high)
        while max(self.high, -self.low) >= self.reach:
            middle = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(middle, CELLS // 4)
            self.reach *= 2
        cells = (values.ravel() * np.float32(CELLS / 2 / self.reach) + np.float32(CELLS / 2)).astype(np.int32)
        self.counts += np.bincount(np.minimum(cells, CELLS - 1), minlength=CELLS)

    def centres(self) -> npt.NDArray[np.float64]:
        """The value in the middle of each cell."""
        return (np.arange(CELLS, dtype=np.float64) + 0.5) * (2 * self.reach / CELLS) - self.reach


def choose(seen: Histogram, method: str, percentile: float) -> Affine:
    """Scale and zero point by one of `METHODS`."""
    if method == "percentile":
        return affine(*percentile_range(seen, percentile))
    if method == "mse":
        return affine(*least_squares_range(seen))
    return affine(seen.low, seen.high)


def affine(low: float, high: float) -> Affine:
    """255 steps over [low, high], widened to hold zero, which gets a whole number of its own.

    The scale is a float32, so that it is the same number in every language.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / LEVELS))
    if scale < np.finfo(np.float32).tiny:  # nothing but zeros was seen
        return Affine(1.0, 0)
    return Affine(scale, int(np.clip(np.rint(-low / scale), 0, LEVELS)))


def percentile_range(seen: Histogram, percentile: float) -> tuple[float, float]:
    """What is left when (100 − percentile) % of the values are cut off at each end."""
    cut = seen.counts.sum() * (1 - percentile / 100)
    below = np.cumsum(seen.counts)
    above = np.cumsum(seen.counts[::-1])
    width = 2 * seen.reach / CELLS
    low = -seen.reach + width * int(np.searchsorted(below, cut, side="right"))
    high = seen.reach - width * int(np.searchsorted(above, cut, side="right"))
    return max(low, seen.low), min(high, seen.high)


def least_squares_range(seen: Histogram) -> tuple[float, float]:
    """The ends, each shrunk by itself, whose rounding and clipping errors have the least sum of squares."""
    low, high = seen.low, seen.high
    for _ in range(2):
        high = min((high_ for high_ in seen.high * SHRINKINGS), key=lambda end: squares(seen, low, end))
        if seen.low < 0:
            low = min((low_ for low_ in seen.low * SHRINKINGS), key=lambda end: squares(seen, end, high))
    return float(low), float(high)


def squares(seen: Histogram, low: float, high: float) -> float:
    """Σ (value − what is stored of it)² over the histogram; rounding within the range as uniform noise."""
    if high - low <= 0:
        return float("inf")
    centres = seen.centres()
    outside = np.maximum(np.maximum(low - centres, centres - high), 0)
    step = (high - low) / LEVELS
    inside = seen.counts[outside == 0].sum() - seen.counts[CELLS // 2]  # zero itself is exact
    return float((seen.counts * outside**2).sum() + inside * step**2 / 12)
