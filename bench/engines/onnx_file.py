"""The network as ONNX. Batch norms are nodes of their own, for the peer to fold, unless folding is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.case import Case
from engines.network import Layer, Network


class Writer:
    """Nodes and tensors as they are added; every node is named as its layer, and so is what it gives."""

    def __init__(self, network: Network, folded: bool) -> None:
        self.network, self.fold = network, folded
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        for name, value in (("zero", 0.0), ("six", 6.0)):
            self.tensor(name, np.float32(value))

    def tensor(self, name: str, value: np.ndarray | np.float32) -> str:
        self.tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, name: str, inputs: list[str], **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def layer(self, layer: Layer) -> str:
        weight, bias = self.network.tensors[f"{layer.conv}.weight"], None
        if self.fold:
            weight, bias = self.network.folded(layer)
        outputs, _, side, _ = weight.shape
        inputs = [layer.input, self.tensor(f"{layer.conv}.weight", weight)]
        if bias is not None:
            inputs.append(self.tensor(f"{layer.conv}.bias", bias))
        x = self.node(
            "Conv", layer.norm if self.fold else layer.conv, inputs, kernel_shape=[side, side],
            strides=[layer.stride] * 2, pads=[side // 2] * 4, group=outputs if layer.depthwise else 1,
        )  # fmt: skip
        if not self.fold:
            parts = [f"{layer.norm}.{part}" for part in ("weight", "bias", "_mean", "_variance")]
            parameters = [self.tensor(part, self.network.tensors[part]) for part in parts]
            x = self.node("BatchNormalization", layer.norm, [x, *parameters], epsilon=self.network.epsilon)
        if layer.activation:
            x = self.node("Clip", layer.activation, [x, "zero", "six"])
        return self.node("Add", layer.add, [x, layer.shortcut]) if layer.add else x


def make(network: Network, case: Case, folded: bool = False) -> onnx.ModelProto:
    """Input "x" [batch, 3, height, width], output "output" [batch, values]."""
    writer = Writer(network, folded)
    for layer in network.layers:
        x = writer.layer(layer)
    x, values = writer.node("GlobalAveragePool", "pool2d_avg", [x]), network.channels
    if case.feature == "logits":
        x, values = writer.node("Flatten", "flatten", [x]), network.classes
        parameters = [writer.tensor(n, network.tensors[n]) for n in ("classifier.1.weight", "classifier.1.bias")]
        x = writer.node("Gemm", "classifier.1", [x, *parameters])
    else:
        x = writer.node("Flatten", "flatten", [x])
    writer.nodes[-1].output[0] = "output"
    graph = helper.make_graph(
        writer.nodes, "mobilenet_v2",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [case.batch, 3, case.height, case.width])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [case.batch, values])],
        writer.tensors,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def for_case(case: Case) -> bytes:
    """What ONNX Runtime and OpenVINO are given: the plain network, or the quantized one for int8."""
    if case.precision == "int8":
        model = onnx.load(f"{case.folder}/{case.feature}.onnx")
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = case.batch
        del model.graph.value_info[:]
        return model.SerializeToString()
    return make(Network(Path(case.model)), case).SerializeToString()
