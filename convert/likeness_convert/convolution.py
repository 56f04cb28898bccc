"""Convolutions of MobileNetV2 in NumPy, NHWC.

The element type is the caller's: float32 for the network as it was trained, and float32 or float64 that hold
whole numbers for the quantized one, where BLAS is many times faster than NumPy's integers and as exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness_convert.architecture import ConvNorm

Array = npt.NDArray[Any]


def convolve(x: Array, weights: Array, layer: ConvNorm, same: bool) -> Array:
    """x [n, h, w, cin] and weights [cout, cin/groups, kh, kw] of one type give [n, oh, ow, cout]; zeros outside."""
    if layer.kernel == 1:
        return multiply(x, weights[:, :, 0, 0].T)
    taps = shifted(x, layer.stride, same)
    if layer.groups == 1:
        columns = np.concatenate([tap for _, _, tap in taps], axis=-1)  # tap by tap, then channels
        return multiply(columns, weights.transpose(2, 3, 1, 0).reshape(-1, layer.out_channels))
    _, _, first = next(taps)
    total: Array = first * weights[:, 0, 0, 0]
    product = np.empty_like(total)  # fresh memory for each tap would cost more than the arithmetic
    for row, column, tap in taps:
        total += np.multiply(tap, weights[:, 0, row, column], out=product)
    return total


def multiply(x: Array, matrix: Array) -> Array:
    """x [n, h, w, cin] times [cin, cout], every pixel a row of one product."""
    rows: Array = x.reshape(-1, x.shape[-1]) @ matrix
    return rows.reshape(*x.shape[:-1], matrix.shape[1])


def shifted(x: Array, stride: int, same: bool) -> Iterator[tuple[int, int, Array]]:
    """Row and column of each of the 3 × 3 taps, and what it sees of `x` at every output: [n, oh, ow, channels]."""
    (top, bottom, height), (left, right, width) = (paddings(size, stride, same) for size in x.shape[1:3])
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    for row in range(3):
        for column in range(3):
            rows = slice(row, row + (height - 1) * stride + 1, stride)
            columns = slice(column, column + (width - 1) * stride + 1, stride)
            yield row, column, padded[:, rows, columns]


def paddings(size: int, stride: int, same: bool) -> tuple[int, int, int]:
    """Zeros before and behind one axis, and the outputs along it; Keras puts the odd zero behind."""
    outputs = (size - 1) // stride + 1
    if not same:
        return 1, 1, outputs
    total = max((outputs - 1) * stride + 3 - size, 0)
    return total // 2, total - total // 2, outputs
