"""A model file's network as a list of layers, and model files with random weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

# Table 2 of the MobileNetV2 paper: expansion, channels, repeats, stride of the first.
TABLE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


@dataclass(frozen=True)
class Layer:
    """A convolution with its batch norm, and the activation and residual sum after it where there are any."""

    input: str
    conv: str
    norm: str
    stride: int = 1
    depthwise: bool = False
    activation: str = ""  # ReLU6
    add: str = ""  # the sum's name, which is the block's
    shortcut: str = ""

    @property
    def output(self) -> str:
        return self.add or self.activation or self.norm

    @property
    def names(self) -> list[str]:
        return [name for name in (self.conv, self.norm, self.activation, self.add) if name]


class Network:
    """Names are Paddle's. After the layers come the pool ("pool2d_avg") and the classifier ("classifier.1")."""

    def __init__(self, path: Path) -> None:
        with safe_open(str(path), "numpy") as file:
            metadata = file.metadata()
            self.tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        if metadata["padding"] != "paddle" or "classifier.1.weight" not in self.tensors:
            raise SystemExit(f"{path}: only models with Paddle's padding and a classifier can be compared")
        self.epsilon = float(metadata["bn_epsilon"])
        self.classes = self.tensors["classifier.1.bias"].size
        self.scale = json.loads(metadata["architecture"])["scale"]
        self.layers = list(self._walk())
        self.channels = self.tensors["classifier.1.weight"].shape[0]

    def _walk(self) -> Iterator[Layer]:
        x, block = "x", 0

        def layer(name: str, stride: int = 1, depthwise: bool = False) -> Layer:
            return Layer(x, f"{name}.0", f"{name}.1", stride, depthwise, activation=f"{name}.2")

        yield (last := layer("features.0", 2))
        x = last.output
        channels = self.tensors["features.0.0.weight"].shape[0]
        for expansion, _, repeats, first_stride in TABLE:
            for repeat in range(repeats):
                block += 1
                name, part, shortcut, stride = f"features.{block}", 0, x, 1 if repeat else first_stride
                if expansion != 1:
                    yield (last := layer(f"{name}.conv.0"))
                    x, part = last.output, 1
                yield (last := layer(f"{name}.conv.{part}", stride, depthwise=True))
                x = last.output
                project = Layer(x, f"{name}.conv.{part + 1}", f"{name}.conv.{part + 2}")
                inputs, channels = channels, self.tensors[f"{project.conv}.weight"].shape[0]
                # Also where a row's first block has the shape for it, as in narrow networks.
                if stride == 1 and inputs == channels:
                    project = replace(project, add=name, shortcut=shortcut)
                yield project
                x = project.output
        yield layer(f"features.{block + 1}")

    def names(self) -> list[str]:
        """Of all layers, in order."""
        return [name for layer in self.layers for name in layer.names] + ["pool2d_avg", "flatten", "classifier.1"]

    def folded(self, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
        """Weights [out][in / groups][side][side] and bias with the batch norm in them, for formats that have none."""
        gamma, beta, mean, variance = (
            self.tensors[f"{layer.norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "_mean", "_variance")
        )
        factor = gamma / np.sqrt(variance + self.epsilon)
        weight = self.tensors[f"{layer.conv}.weight"] * factor[:, None, None, None]
        return weight.astype(np.float32), (beta - mean * factor).astype(np.float32)


def preprocessing(path: Path) -> dict:
    """The model file's "preprocess": size, mean, std."""
    with safe_open(str(path), "numpy") as file:
        return json.loads(file.metadata()["preprocess"])


def rounded(channels: float) -> int:
    """As Paddle rounds widths: a multiple of 8, at most a tenth less than asked for."""
    result = max(8, int(channels + 4) // 8 * 8)
    return result + 8 if result < 0.9 * channels else result


def write_random(path: Path, scale: float = 1.0, seed: int = 1) -> None:
    """A model file with 1,000 classes and random weights: it takes the same time as a trained one."""
    random = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}

    def conv_bn(conv: str, norm: str, channels: int, inputs: int, side: int) -> None:
        spread = (2 / (inputs * side * side)) ** 0.5
        tensors[f"{conv}.weight"] = random.normal(0, spread, (channels, inputs, side, side)).astype(np.float32)
        ranges = (("weight", 0.5, 1.5), ("bias", -0.5, 0.5), ("_mean", -0.2, 0.2), ("_variance", 0.5, 1.5))
        for part, low, high in ranges:
            tensors[f"{norm}.{part}"] = random.uniform(low, high, channels).astype(np.float32)

    inputs, block, last = rounded(32 * scale), 1, rounded(1280 * max(1.0, scale))
    conv_bn("features.0.0", "features.0.1", inputs, 3, 3)
    for expansion, channels, repeats, _ in TABLE:
        for _ in range(repeats):
            name, wide, part = f"features.{block}.conv", inputs * expansion, 0
            if expansion != 1:
                conv_bn(f"{name}.0.0", f"{name}.0.1", wide, inputs, 1)
                part = 1
            conv_bn(f"{name}.{part}.0", f"{name}.{part}.1", wide, 1, 3)
            conv_bn(f"{name}.{part + 1}", f"{name}.{part + 2}", rounded(channels * scale), wide, 1)
            inputs, block = rounded(channels * scale), block + 1
    conv_bn("features.18.0", "features.18.1", last, inputs, 1)
    tensors["classifier.1.weight"] = random.normal(0, 0.03, (last, 1000)).astype(np.float32)
    tensors["classifier.1.bias"] = np.zeros(1000, np.float32)
    metadata = {
        "format_version": "1",
        "architecture": json.dumps({"name": "mobilenet_v2", "num_classes": 1000, "scale": scale}),
        "weights_form": "unfolded",
        "bn_epsilon": "1e-05",
        "padding": "paddle",
        "preprocess": '{"mean":[0.485,0.456,0.406],"resize":"exact","size":[227,227],"std":[0.229,0.224,0.225]}',
    }
    save_file(tensors, str(path), metadata)
