"""Post-training quantization: a folded float network and pictures give int8 weights, scales and corrected biases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness_convert import float_network, int8_network
from likeness_convert.equalize import equalize
from likeness_convert.folding import Folded
from likeness_convert.int8_network import Affine, Bytes, Int8Network
from likeness_convert.ranges import Histogram, affine, choose
from likeness_convert.state_dict import FloatArray
from likeness_convert.steps import CLASSIFIER, INPUT, POOLED, Step, steps_of

LARGEST_WEIGHT = 127
SMALLEST_BIAS_STEP = 2.0**-22  # of the bias: a channel of tiny weights must still hold it
BATCH = 4
MEMORY = 2**30  # of the maps that bias correction keeps


@dataclass(frozen=True)
class Options:
    """How to choose."""

    method: str = "mse"
    percentile: float = 99.999
    equalize: bool = False
    correct_biases: bool = True


def describe(options: Options) -> dict[str, Any]:
    """What the model file says of it."""
    entry: dict[str, Any] = {
        "bias_correction": options.correct_biases,
        "equalization": options.equalize,
        "method": options.method,
    }
    return entry | ({"percentile": options.percentile} if options.method == "percentile" else {})


@dataclass(frozen=True)
class Agreement:
    """Of the quantized with the float network, on the pictures that both have seen."""

    pictures: int
    top1: float | None  # share of equal classes
    mean_cosine: float
    least_cosine: float


@dataclass(frozen=True)
class Seen:
    """What the float network gave on all pictures."""

    histograms: dict[str, Histogram]
    largest: dict[str, FloatArray]  # of each channel of an activation
    means: dict[str, npt.NDArray[np.float64]]  # of each channel of a convolution, over the first pictures
    pooled: FloatArray
    logits: FloatArray | None


def quantize(network: Folded, inputs: FloatArray, options: Options) -> tuple[Int8Network, Agreement]:
    """The quantized network, and how well it agrees with `network`."""
    corrected = correction_count(network, inputs)
    seen = observe(network, inputs, corrected)
    if options.equalize:
        network = equalize(network, seen.largest)
        seen = observe(network, inputs, corrected)
    activations = {name: choose(h, options.method, options.percentile) for name, h in seen.histograms.items()}
    activations[INPUT] = input_affine(network.preprocess)
    quantized = with_weights(network, activations)
    return correct(quantized, inputs[:corrected], seen, options.correct_biases)


def correction_count(network: Folded, inputs: FloatArray) -> int:
    """The pictures whose maps between any two layers fit into `MEMORY`."""
    height, width = inputs.shape[1:3]
    channels = max(step.layer.out_channels for step in steps_of(network.architecture)[:4])
    largest = channels * int(height) * int(width) // 4
    return min(len(inputs), max(BATCH, MEMORY // largest))


def observe(network: Folded, inputs: FloatArray, first: int) -> Seen:
    """Runs the float network on all inputs, and takes the convolutions' means over the `first` of them."""
    histograms: dict[str, Histogram] = {}
    largest: dict[str, FloatArray] = {}
    sums: dict[str, npt.NDArray[np.float64]] = {}
    pooled: list[FloatArray] = []
    logits: list[FloatArray] = []
    counted = 0

    def see(name: str, values: FloatArray) -> None:
        histograms.setdefault(name, Histogram()).add(values)
        rows = values.reshape(-1, values.shape[-1]).max(axis=0)
        largest[name] = np.maximum(largest.get(name, rows), rows)

    def see_linear(name: str, values: FloatArray) -> None:
        each = values.reshape(len(values), -1, values.shape[-1]).mean(axis=1, dtype=np.float64)
        sums[name] = sums.get(name, 0) + each[: max(first - counted, 0)].sum(axis=0)

    for batch in batches(inputs):
        features, scores = float_network.run(network, batch, see, see_linear)
        pooled.append(features)
        logits += [] if scores is None else [scores]
        counted += len(batch)
    means = {name: total / first for name, total in sums.items()}
    return Seen(histograms, largest, means, np.concatenate(pooled), np.concatenate(logits) if logits else None)


def batches(inputs: FloatArray) -> Iterator[FloatArray]:
    """A few pictures at a time."""
    for at in range(0, len(inputs), BATCH):
        yield inputs[at : at + BATCH]


def input_affine(preprocess: Mapping[str, list[float]]) -> Affine:
    """Every pixel from 0 to 255 is within the input's range, whatever the pictures were."""
    ends = [(value - m) / s for value in (0, 1) for m, s in zip(preprocess["mean"], preprocess["std"], strict=True)]
    return affine(min(ends), max(ends))


def with_weights(network: Folded, activations: Mapping[str, Affine]) -> Int8Network:
    """Weights of each output channel over its own −127 … 127."""
    scales: dict[str, FloatArray] = {}
    whole: dict[str, npt.NDArray[np.int8]] = {}
    inputs = {step.layer.conv: step.input for step in steps_of(network.architecture)} | {CLASSIFIER: POOLED}
    for name, weights in network.weights.items():
        rows = weights.T if name == CLASSIFIER else weights.reshape(len(weights), -1)
        scale = weight_scales(rows, network.biases[name], activations[inputs[name]].scale)
        q = np.clip(np.rint(rows.astype(np.float64) / scale[:, None]), -LARGEST_WEIGHT, LARGEST_WEIGHT).astype(np.int8)
        whole[name] = np.ascontiguousarray(q.T) if name == CLASSIFIER else q.reshape(weights.shape)
        scales[name] = scale
    same = network.same
    return Int8Network(network.architecture, same, whole, scales, dict(network.biases), activations)


def weight_scales(rows: FloatArray, bias: FloatArray, input_scale: float) -> FloatArray:
    """The largest weight becomes 127. Where the bias dwarfs all weights, its own whole number stays below 2²²."""
    scale = np.abs(rows.astype(np.float64)).max(axis=1) / LARGEST_WEIGHT
    scale = np.maximum(scale, np.abs(bias) * SMALLEST_BIAS_STEP / input_scale).astype(np.float32)
    return np.where(scale > np.finfo(np.float32).tiny, scale, np.float32(1))


def correct(
    network: Int8Network, inputs: FloatArray, seen: Seen, correct_biases: bool
) -> tuple[Int8Network, Agreement]:
    """Empirical bias correction, layer by layer: each channel's mean becomes the float network's.

    Nagel et al. 2019, section 4.2. A layer's input is what the corrected layers before it make of the pictures.
    """
    biases = dict(network.biases)
    network = replace(network, biases=biases)
    maps = {INPUT: [int8_network.quantize(batch, network.activations[INPUT]) for batch in batches(inputs)]}
    for step in steps_of(network.architecture):
        x = maps[step.input]
        residuals = maps[step.residual] if step.residual else [None] * len(x)
        if correct_biases:
            biases[step.layer.conv] = corrected_bias(network, step, x, seen.means[step.layer.conv])
        y = [
            int8_network.requantize(network, step, int8_network.accumulate(network, step, part), residual)
            for part, residual in zip(x, residuals, strict=True)
        ]
        maps = {step.output: y} if step.ends_block else {**maps, step.output: y}
    pooled = np.concatenate([int8_network.pool(part, network.activations[step.output]) for part in y])
    logits = None
    if CLASSIFIER in network.weights:
        logits = int8_network.classify(network, pooled)
        if correct_biases:
            shift = seen.means[CLASSIFIER] - logits.mean(axis=0, dtype=np.float64)
            biases[CLASSIFIER] = (biases[CLASSIFIER] + shift).astype(np.float32)
            logits = int8_network.classify(network, pooled)
    return network, agreement(seen, pooled, logits)


def corrected_bias(network: Int8Network, step: Step, x: list[Bytes], wanted: npt.NDArray[np.float64]) -> FloatArray:
    """What makes the mean of each channel the `wanted` one."""
    conv = step.layer.conv
    total = np.zeros(step.layer.out_channels)
    pixels = 0
    for part in x:
        sums = int8_network.accumulate(network, step, part)
        total += sums.sum(axis=(0, 1, 2), dtype=np.float64)
        pixels += sums.size // sums.shape[-1]
    unit = network.activations[step.input].scale * network.scales[conv].astype(np.float64)
    bias: FloatArray = (wanted - total / pixels * unit).astype(np.float32)
    return bias


def agreement(seen: Seen, pooled: FloatArray, logits: FloatArray | None) -> Agreement:
    """Compares the first pictures' outputs."""
    a, b = seen.pooled[: len(pooled)].astype(np.float64), pooled.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = np.divide((a * b).sum(axis=1), lengths, out=np.zeros(len(a)), where=lengths > 0)
    top1 = None
    if logits is not None and seen.logits is not None:
        top1 = float((logits.argmax(axis=1) == seen.logits[: len(logits)].argmax(axis=1)).mean())
    return Agreement(len(pooled), top1, float(cosine.mean()), float(cosine.min()))
