"""MobileNetV2 as keras.applications builds it, in NumPy and double precision, from a file under Keras's names.

Written after keras/applications/mobilenet_v2.py and layers: `same` padding where Keras asks for it, `correct_pad` and a
convolution without padding where it does that. Knows nothing of Paddle but the names of the outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

Arrays = dict[str, Any]

EPSILON = 1e-3
# block_id → stride
STRIDES = {block: 2 if block in (1, 3, 6, 13) else 1 for block in range(17)}


def load(path: Path) -> Arrays:
    """Layer/variable → array, from a whole model as Keras 2 saves it."""
    with h5py.File(path) as file:
        weights = file["model_weights"]
        return {
            name.removesuffix(":0"): weights[layer][name][()].astype(np.float64)
            for layer in weights.attrs["layer_names"].astype(str)
            for name in weights[layer].attrs["weight_names"].astype(str)
        }


def run(weights: Arrays, pixels: Any) -> Arrays:
    """Paddle's layer name → output [height, width, channels], for RGB of 0 to 255 [height, width, 3]."""
    network = Network(weights)
    x = pixels.astype(np.float64) / 127.5 - 1  # preprocess_input, mode "tf"
    network.outputs["input"] = x
    x = network.conv(x, "Conv1", "features.0.0", stride=2, padding="same")
    x = network.norm(x, "bn_Conv1", "features.0.1", "features.0.2")
    for block, stride in STRIDES.items():
        x = network.inverted_residual(x, block, stride)
    x = network.conv(x, "Conv_1", "features.18.0")
    x = network.norm(x, "Conv_1_bn", "features.18.1", "features.18.2")
    pooled = x.mean((0, 1))
    network.outputs["pool2d_avg"] = pooled
    network.outputs["classifier.1"] = pooled @ weights["predictions/kernel"] + weights["predictions/bias"]
    return network.outputs


class Network:
    """Layers that remember what left them."""

    def __init__(self, weights: Arrays) -> None:
        self.weights = weights
        self.outputs: Arrays = {}

    def inverted_residual(self, x: Any, block: int, stride: int) -> Any:
        """_inverted_res_block of keras.applications."""
        prefix = f"block_{block}_" if block else "expanded_conv_"
        ours = f"features.{block + 1}.conv"
        start, at = x, 0
        if block:
            x = self.conv(x, prefix + "expand", f"{ours}.0.0")
            x = self.norm(x, prefix + "expand_BN", f"{ours}.0.1", f"{ours}.0.2")
            at = 1
        padding = "same" if stride == 1 else "valid"
        if stride == 2:
            x = np.pad(x, (*correct_pad(x.shape[:2]), (0, 0)))
        x = self.depthwise(x, prefix + "depthwise", f"{ours}.{at}.0", stride, padding)
        x = self.norm(x, prefix + "depthwise_BN", f"{ours}.{at}.1", f"{ours}.{at}.2")
        x = self.conv(x, prefix + "project", f"{ours}.{at + 1}")
        x = self.norm(x, prefix + "project_BN", f"{ours}.{at + 2}")
        if stride == 1 and start.shape == x.shape:
            x = start + x
        self.outputs[f"features.{block + 1}"] = x
        return x

    def conv(self, x: Any, name: str, ours: str, stride: int = 1, padding: str = "same") -> Any:
        """Conv2D without bias."""
        kernel = self.weights[f"{name}/kernel"]  # [kh, kw, in, out]
        y = sum(window @ tap for window, tap in windows(x, kernel, stride, padding))
        self.outputs[ours] = y
        return y

    def depthwise(self, x: Any, name: str, ours: str, stride: int, padding: str) -> Any:
        """DepthwiseConv2D without bias."""
        kernel = self.weights[f"{name}/depthwise_kernel"]  # [kh, kw, channels, 1]
        y = sum(window * tap[:, 0] for window, tap in windows(x, kernel, stride, padding))
        self.outputs[ours] = y
        return y

    def norm(self, x: Any, name: str, ours: str, activation: str | None = None) -> Any:
        """BatchNormalization, and ReLU(6.0) where one follows."""
        gamma, beta, mean, variance = (
            self.weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        y = (x - mean) / np.sqrt(variance + EPSILON) * gamma + beta
        self.outputs[ours] = y
        if activation:
            y = np.clip(y, 0, 6)
            self.outputs[activation] = y
        return y


def correct_pad(sizes: Any) -> list[tuple[int, int]]:
    """imagenet_utils.correct_pad for a kernel of 3."""
    return [(1 - (1 - size % 2), 1) for size in sizes]


def same_pad(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "SAME" along one axis."""
    left_over = size % stride or stride
    total = max(kernel - left_over, 0)
    return total // 2, total - total // 2


def windows(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    """For each tap: the pixels that it meets at all positions, and its weights."""
    kh, kw = kernel.shape[:2]
    if padding == "same":
        x = np.pad(x, (same_pad(x.shape[0], kh, stride), same_pad(x.shape[1], kw, stride), (0, 0)))
    rows, columns = (x.shape[0] - kh) // stride + 1, (x.shape[1] - kw) // stride + 1
    for ky in range(kh):
        for kx in range(kw):
            window = x[ky : ky + stride * rows : stride, kx : kx + stride * columns : stride]
            yield window[:rows, :columns], kernel[ky, kx]
