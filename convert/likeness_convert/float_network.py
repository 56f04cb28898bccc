"""The folded network in float32, for calibration: it shows every activation on its way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from likeness_convert.convolution import convolve
from likeness_convert.folding import Folded
from likeness_convert.state_dict import FloatArray
from likeness_convert.steps import CLASSIFIER, INPUT, POOLED, steps_of

See = Callable[[str, FloatArray], None]


def run(network: Folded, pixels: FloatArray, see: See, see_linear: See) -> tuple[FloatArray, FloatArray | None]:
    """Pooled features [n, features], and logits where there is a classifier, of inputs [n, h, w, 3].

    `see` gets each activation that the quantized network stores, by its name; `see_linear` what each convolution
    gives with its bias, before residual and activation, by the convolution's name.
    """
    maps: dict[str, FloatArray] = {INPUT: pixels}
    see(INPUT, pixels)
    for step in steps_of(network.architecture):
        conv = step.layer.conv
        y = convolve(maps[step.input], network.weights[conv], step.layer, network.same)
        y += network.biases[conv]
        see_linear(conv, y)
        if step.residual:
            y += maps[step.residual]
        if step.layer.relu6:
            np.clip(y, 0, 6, out=y)
        see(step.output, y)
        maps = {step.output: y} if step.ends_block else {**maps, step.output: y}
    pooled: FloatArray = y.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)
    see(POOLED, pooled)
    if CLASSIFIER not in network.weights:
        return pooled, None
    logits = pooled @ network.weights[CLASSIFIER] + network.biases[CLASSIFIER]
    see_linear(CLASSIFIER, logits)
    return pooled, logits
