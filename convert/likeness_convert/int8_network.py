"""The quantized network, to the bit: what docs/model_file.md says of int8 files, in NumPy.

Sums of products are whole numbers. They are left to BLAS in float32 where none can reach 2²⁴, and in float64
otherwise, so that both are exact; a sum is rounded to float32 once, as an int32 would be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from likeness_convert.architecture import Architecture
from likeness_convert.convolution import Array, convolve
from likeness_convert.state_dict import FloatArray
from likeness_convert.steps import CLASSIFIER, INPUT, POOLED, Step, steps_of

Bytes = npt.NDArray[np.uint8]

LARGEST_BIAS = 2**30
EXACT_FLOAT32 = 2**24


@dataclass(frozen=True)
class Affine:
    """real = (q − zero) · scale, q in 0 … 255"""

    scale: float
    zero: int


@dataclass(frozen=True)
class Int8Network:
    """Weights and scales by the convolution's name, activations by their own."""

    architecture: Architecture
    same: bool
    weights: dict[str, npt.NDArray[np.int8]]  # [cout, cin/groups, kh, kw]; the classifier's [in, out]
    scales: dict[str, FloatArray]  # [cout], of the weights
    biases: dict[str, FloatArray]  # [cout]
    activations: Mapping[str, Affine]


@dataclass(frozen=True)
class Outputs:
    """Of a batch: every activation but the pooled one, the pooled features, and the logits where there are any."""

    activations: dict[str, Bytes]
    pooled: FloatArray
    logits: FloatArray | None


def run(network: Int8Network, pixels: FloatArray) -> Outputs:
    """The whole network on normalized inputs [n, h, w, 3]."""
    maps = {INPUT: quantize(pixels, network.activations[INPUT])}
    for step in steps_of(network.architecture):
        sums = accumulate(network, step, maps[step.input])
        maps[step.output] = requantize(network, step, sums, maps.get(step.residual or ""))
    pooled = pool(maps[step.output], network.activations[step.output])
    return Outputs(maps, pooled, classify(network, pooled) if CLASSIFIER in network.weights else None)


def quantize(values: FloatArray, affine: Affine) -> Bytes:
    """clip(rint(x · 1/scale) + zero)"""
    inverse = np.float32(1 / affine.scale)
    return to_bytes(np.rint(values * inverse) + np.float32(affine.zero), 0, 255)


def to_bytes(whole: FloatArray, low: float, high: float) -> Bytes:
    """Whole numbers clipped to [low, high] within 0 … 255."""
    clipped: Bytes = np.clip(whole, np.float32(low), np.float32(high)).astype(np.uint8)
    return clipped


def accumulate(network: Int8Network, step: Step, x: Bytes) -> Array:
    """Σ (x − zero) · w, whole numbers, without the bias: [n, oh, ow, cout]."""
    weights, zero = network.weights[step.layer.conv], network.activations[step.input].zero
    dtype = exact_type(np.abs(weights.astype(np.int64)).sum(axis=(1, 2, 3)).max(), zero)
    centred: Array = x.astype(dtype) - np.asarray(zero, dtype)
    return convolve(centred, weights.astype(dtype), step.layer, network.same)


def exact_type(weights: np.int64, zero: int) -> type[np.float32 | np.float64]:
    """The type whose sums are exact, whatever the input, where |w| adds up to `weights` at most."""
    return np.float32 if int(weights) * max(zero, 255 - zero) < EXACT_FLOAT32 else np.float64


def whole_biases(network: Int8Network, step: Step) -> npt.NDArray[np.float64]:
    """The biases as multiples of the input's scale times the weights', within ±2³⁰."""
    conv = step.layer.conv
    unit = network.activations[step.input].scale * network.scales[conv].astype(np.float64)
    return np.clip(np.rint(network.biases[conv].astype(np.float64) / unit), -LARGEST_BIAS, LARGEST_BIAS)


def requantize(network: Int8Network, step: Step, sums: Array, residual: Bytes | None) -> Bytes:
    """The output's bytes; every operation rounds to float32 by itself."""
    x, y = network.activations[step.input], network.activations[step.output]
    multiplier = (x.scale * network.scales[step.layer.conv].astype(np.float64) / y.scale).astype(np.float32)
    t = (sums.astype(np.float64) + whole_biases(network, step)).astype(np.float32) * multiplier
    if step.residual and residual is not None:
        r = network.activations[step.residual]
        t += (residual.astype(np.float32) - np.float32(r.zero)) * np.float32(r.scale / y.scale)
    low, high = (0.0, 6.0) if step.layer.relu6 else (-np.inf, np.inf)
    low, high = (min(max(np.rint(bound / y.scale) + y.zero, 0), 255) for bound in (low, high))
    return to_bytes(np.rint(t) + np.float32(y.zero), low, high)


def pool(x: Bytes, affine: Affine) -> FloatArray:
    """The mean of each channel: [n, channels]."""
    pixels = x.shape[1] * x.shape[2]
    sums = x.sum(axis=(1, 2), dtype=np.int64) - pixels * affine.zero
    mean: FloatArray = sums.astype(np.float32) * np.float32(affine.scale / pixels)
    return mean


def classify(network: Int8Network, pooled: FloatArray) -> FloatArray:
    """The logits; their bias is added in float32."""
    affine = network.activations[POOLED]
    weights = network.weights[CLASSIFIER].astype(np.float64)
    sums = (quantize(pooled, affine).astype(np.float64) - affine.zero) @ weights
    multiplier = (affine.scale * network.scales[CLASSIFIER].astype(np.float64)).astype(np.float32)
    logits: FloatArray = sums.astype(np.float32) * multiplier + network.biases[CLASSIFIER]
    return logits
