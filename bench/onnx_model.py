"""The network of a model file as ONNX, for the peers: the same tensors, batch norms as nodes of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open
from safetensors.numpy import save_file

# Table 2 of the MobileNetV2 paper: expansion, channels, repeats, stride of the first.
TABLE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class Network:
    """Nodes and tensors as they are added; names are Paddle's."""

    def __init__(self, tensors: dict[str, np.ndarray], epsilon: float) -> None:
        self.tensors, self.epsilon = tensors, epsilon
        self.nodes: list[onnx.NodeProto] = []
        self.used: dict[str, onnx.TensorProto] = {}

    def tensor(self, name: str) -> str:
        self.used[name] = numpy_helper.from_array(self.tensors[name].astype(np.float32), name)
        return name

    def add(self, kind: str, name: str, inputs: list[str], **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv_bn(self, conv: str, norm: str, x: str, stride: int = 1, depthwise: bool = False) -> str:
        outputs, _, side, _ = self.tensors[f"{conv}.weight"].shape
        x = self.add(
            "Conv", conv, [x, self.tensor(f"{conv}.weight")], kernel_shape=[side, side], strides=[stride, stride],
            pads=[side // 2] * 4, group=outputs if depthwise else 1,
        )  # fmt: skip
        parameters = [self.tensor(f"{norm}.{part}") for part in ("weight", "bias", "_mean", "_variance")]
        return self.add("BatchNormalization", norm, [x, *parameters], epsilon=self.epsilon)

    def conv_bn_relu6(self, name: str, x: str, stride: int = 1, depthwise: bool = False) -> str:
        x = self.conv_bn(f"{name}.0", f"{name}.1", x, stride, depthwise)
        return self.add("Clip", f"{name}.2", [x, "zero", "six"])

    def inverted_residual(self, name: str, x: str, expand: bool, stride: int, add: bool) -> str:
        shortcut, part = x, 0
        if expand:
            x, part = self.conv_bn_relu6(f"{name}.conv.0", x), 1
        x = self.conv_bn_relu6(f"{name}.conv.{part}", x, stride, depthwise=True)
        x = self.conv_bn(f"{name}.conv.{part + 1}", f"{name}.conv.{part + 2}", x)
        return self.add("Add", name, [x, shortcut]) if add else x


def from_file(path: Path) -> tuple[onnx.ModelProto, tuple[int, int]]:
    """The ONNX model, input "x" [1, 3, height, width] and output "logits", and (height, width)."""
    with safe_open(str(path), "numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no dict)
    if metadata["padding"] != "paddle" or "classifier.1.weight" not in tensors:
        raise SystemExit(f"{path}: only models with Paddle's padding and a classifier can be compared")
    height, width = json.loads(metadata["preprocess"])["size"]
    net = Network(tensors, float(metadata["bn_epsilon"]))
    x, block = net.conv_bn_relu6("features.0", "x", stride=2), 1
    for expansion, _, repeats, first_stride in TABLE:
        for repeat in range(repeats):
            stride = 1 if repeat else first_stride
            x = net.inverted_residual(f"features.{block}", x, expansion != 1, stride, add=repeat > 0)
            block += 1
    x = net.conv_bn_relu6(f"features.{block}", x)
    x = net.add("Flatten", "flatten", [net.add("GlobalAveragePool", "pool2d_avg", [x])])
    x = net.add("Gemm", "logits", [x, net.tensor("classifier.1.weight"), net.tensor("classifier.1.bias")])
    limits = [numpy_helper.from_array(np.float32(v), name) for name, v in (("zero", 0.0), ("six", 6.0))]
    graph = helper.make_graph(
        net.nodes, "mobilenet_v2",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, tensors["classifier.1.bias"].size])],
        [*net.used.values(), *limits],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model, (height, width)


def write_random(path: Path, seed: int = 1) -> None:
    """A model file of full width with 1,000 classes and random weights: it takes the same time as a trained one."""
    random = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}

    def conv_bn(conv: str, norm: str, channels: int, inputs: int, side: int) -> None:
        spread = (2 / (inputs * side * side)) ** 0.5
        tensors[f"{conv}.weight"] = random.normal(0, spread, (channels, inputs, side, side)).astype(np.float32)
        ranges = (("weight", 0.5, 1.5), ("bias", -0.5, 0.5), ("_mean", -0.2, 0.2), ("_variance", 0.5, 1.5))
        for part, low, high in ranges:
            tensors[f"{norm}.{part}"] = random.uniform(low, high, channels).astype(np.float32)

    conv_bn("features.0.0", "features.0.1", 32, 3, 3)
    inputs, block = 32, 1
    for expansion, channels, repeats, _ in TABLE:
        for _ in range(repeats):
            name, wide, part = f"features.{block}.conv", inputs * expansion, 0
            if expansion != 1:
                conv_bn(f"{name}.0.0", f"{name}.0.1", wide, inputs, 1)
                part = 1
            conv_bn(f"{name}.{part}.0", f"{name}.{part}.1", wide, 1, 3)
            conv_bn(f"{name}.{part + 1}", f"{name}.{part + 2}", channels, wide, 1)
            inputs, block = channels, block + 1
    conv_bn("features.18.0", "features.18.1", 1280, inputs, 1)
    tensors["classifier.1.weight"] = random.normal(0, 0.03, (1280, 1000)).astype(np.float32)
    tensors["classifier.1.bias"] = np.zeros(1000, np.float32)
    metadata = {
        "format_version": "1",
        "architecture": '{"name":"mobilenet_v2","num_classes":1000,"scale":1.0}',
        "weights_form": "unfolded",
        "bn_epsilon": "1e-05",
        "padding": "paddle",
        "preprocess": '{"mean":[0.485,0.456,0.406],"resize":"exact","size":[227,227],"std":[0.229,0.224,0.225]}',
    }
    save_file(tensors, str(path), metadata)
