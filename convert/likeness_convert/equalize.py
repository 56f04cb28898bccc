"""Range equalization across layers (Nagel et al. 2019, Data-Free Quantization, section 4.1), for ReLU6.

All channels of an activation share one scale, and MobileNetV2's depthwise channels differ by orders of magnitude:
what never exceeds 0.1 would be told apart in four steps of [0, 6]. A channel between two layers can be made f times
as large by the weights before it, if the weights behind it are made f times as small; the per-channel scales of a
depthwise layer absorb that without loss. ReLU6 clips at 6, however it is scaled, so f is never below 1, and never so
large that a value of `HEADROOM` times the largest one that calibration saw would be clipped that was not before. f is
a power of two: on those pictures every value of the network is then what it was, to the bit, times a power of two.

Other pictures may have larger values in a channel that was quiet in calibration, and those are then clipped. With
weights that have scales for each channel anyway this costs more than it gains on the models that we measured, so it
is off unless asked for (docs/model_file.md has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from likeness_convert.folding import Folded
from likeness_convert.state_dict import FloatArray
from likeness_convert.steps import steps_of

CLIP = 6.0
HEADROOM = 4.0
LARGEST_FACTOR = 16.0


def equalize(network: Folded, largest: Mapping[str, FloatArray]) -> Folded:
    """The network with every channel within a block as large as ReLU6 lets it be.

    `largest` is what each channel of each activation was seen to reach.
    """
    weights, biases = dict(network.weights), dict(network.biases)
    steps = steps_of(network.architecture)
    for before, behind in pairwise(steps):
        if before.ends_block:  # residual sums tie the channels of blocks to each other
            continue
        factor = factors(largest[before.output])
        weights[before.layer.conv] = weights[before.layer.conv] * factor[:, None, None, None]
        biases[before.layer.conv] = biases[before.layer.conv] * factor
        weights[behind.layer.conv] = weights[behind.layer.conv] / across(factor, behind.depthwise)
    return replace(network, weights=weights, biases=biases)


def factors(largest: FloatArray) -> FloatArray:
    """The greatest power of two that keeps a channel away from the clip; 1 for one near it, or always zero."""
    with np.errstate(divide="ignore"):
        power = np.floor(np.log2(CLIP / HEADROOM / largest.astype(np.float64)))
    factor = np.where(largest > 0, 2.0 ** np.clip(power, 0, np.log2(LARGEST_FACTOR)), 1)
    return factor.astype(np.float32)


def across(factor: FloatArray, depthwise: bool) -> FloatArray:
    """The factors along the axis on which a convolution's weights meet its input's channels."""
    return factor[:, None, None, None] if depthwise else factor[None, :, None, None]
