"""The network as a .tflite file, NHWC.

Batch norms are folded here: the format has none, and TensorFlow's converter folds them as well. In int8 activations
have the scales of the other peers' network (quantized.py), and zero points 128 lower.
"""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from engines.case import Case, LeftOutError
from engines.network import Layer, Network

OPERATORS = {  # name: the schema's number, and the first version of it that knows int8
    "ADD": (schema.BuiltinOperator.ADD, 2),
    "CONV_2D": (schema.BuiltinOperator.CONV_2D, 3),
    "DEPTHWISE_CONV_2D": (schema.BuiltinOperator.DEPTHWISE_CONV_2D, 3),
    "DEQUANTIZE": (schema.BuiltinOperator.DEQUANTIZE, 2),
    "FULLY_CONNECTED": (schema.BuiltinOperator.FULLY_CONNECTED, 4),
    "MEAN": (schema.BuiltinOperator.MEAN, 2),
    "PAD": (schema.BuiltinOperator.PAD, 2),
    "QUANTIZE": (schema.BuiltinOperator.QUANTIZE, 1),
}
CODES = list(OPERATORS)
RELU6, NONE = schema.ActivationFunctionType.RELU6, schema.ActivationFunctionType.NONE
TYPES = {"float32": 0, "int32": 2, "int8": 9}


def code(name: str) -> schema.OperatorCodeT:
    number, version = OPERATORS[name]
    return schema.OperatorCodeT(deprecatedBuiltinCode=number, builtinCode=number, version=version)


class Writer:
    """Tensors and operators as they are added; activations are found again by their name."""

    def __init__(self, case: Case) -> None:
        self.case, self.network = case, Network(Path(case.model))
        self.quantized = case.precision == "int8"
        self.graph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[], name="main")
        self.buffers = [schema.BufferT()]  # the first is everyone's empty one
        self.index: dict[str, int] = {}
        if self.quantized:
            from engines.quantized import Scales

            self.scales = Scales(case)

    def tensor(self, name: str, shape: list[int], kind: str, quantization=None, data: np.ndarray | None = None) -> int:
        buffer = 0
        if data is not None:
            buffer = len(self.buffers)
            self.buffers.append(schema.BufferT(data=np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)))
        self.graph.tensors.append(
            schema.TensorT(
                shape=shape, type=TYPES[kind], buffer=buffer, name=name, quantization=quantization, hasRank=True
            )
        )
        self.index[name] = len(self.graph.tensors) - 1
        return self.index[name]

    def map(self, name: str, shape: list[int]) -> int:
        """An activation of the network."""
        if not self.quantized:
            return self.tensor(name, shape, "float32")
        scale, zero = self.scales(name)
        parameters = schema.QuantizationParametersT(scale=[scale], zeroPoint=[zero - 128])
        return self.tensor(name, shape, "int8", parameters)

    def weights(self, name: str, weight: np.ndarray, bias: np.ndarray, axis: int, x: str) -> list[int]:
        """`weight` has its output channels along `axis`."""
        if not self.quantized:
            return [
                self.tensor(f"{name}.weight", list(weight.shape), "float32", data=weight),
                self.tensor(f"{name}.bias", list(bias.shape), "float32", data=bias),
            ]
        others = tuple(i for i in range(weight.ndim) if i != axis)
        scale = np.maximum(np.abs(weight).max(axis=others), 1e-6) / 127
        shape = [-1 if i == axis else 1 for i in range(weight.ndim)]
        values = np.rint(weight / scale.reshape(shape)).astype(np.int8)
        bias_scale = scale * self.scales(x)[0]
        biases = np.rint(bias / bias_scale).astype(np.int32)

        def channels(scales: np.ndarray, dimension: int) -> schema.QuantizationParametersT:
            zeros = [0] * len(scales)
            return schema.QuantizationParametersT(
                scale=scales.tolist(), zeroPoint=zeros, quantizedDimension=dimension
            )  # fmt: skip

        return [
            self.tensor(f"{name}.weight", list(values.shape), "int8", channels(scale, axis), values),
            self.tensor(f"{name}.bias", list(biases.shape), "int32", channels(bias_scale, 0), biases),
        ]

    def operator(self, kind: str, inputs: list[int], output: int, options_name: str = "", options=None) -> None:
        number = getattr(schema.BuiltinOptions, options_name) if options_name else 0
        self.graph.operators.append(
            schema.OperatorT(
                opcodeIndex=CODES.index(kind), inputs=inputs, outputs=[output], builtinOptionsType=number,
                builtinOptions=options,
            )
        )  # fmt: skip

    def shape(self, name: str) -> list[int]:
        return self.graph.tensors[self.index[name]].shape

    def padded(self, x: str) -> str:
        """Paddle pads 1 on each side; where rows are even SAME would pad below and to the right only."""
        batch, height, width, channels = self.shape(x)
        name = f"{x}.padded"
        amounts = np.array([[0, 0], [1, 0], [1, 0], [0, 0]], np.int32)
        if self.quantized:
            self.scales.constants[f"{name}_scale"] = self.scales.constants[f"{x}_scale"]
            self.scales.constants[f"{name}_zero_point"] = self.scales.constants[f"{x}_zero_point"]
        result = self.map(name, [batch, height + 1, width + 1, channels])
        pads = self.tensor(f"{name}.amounts", [4, 2], "int32", data=amounts)
        self.operator("PAD", [self.index[x], pads], result, "PadOptions", schema.PadOptionsT())
        return name

    def layer(self, layer: Layer) -> None:
        weight, bias = self.network.folded(layer)
        batch, height, width, _ = self.shape(layer.input)
        x, padding = layer.input, schema.Padding.SAME
        if layer.stride == 2 and (height % 2 == 0 or width % 2 == 0):
            if height % 2 != width % 2:
                raise LeftOutError("needs height and width both even or both odd before each stride of 2")
            x, padding = self.padded(x), schema.Padding.VALID
        out = [batch, (height - 1) // layer.stride + 1, (width - 1) // layer.stride + 1, weight.shape[0]]
        activation = RELU6 if layer.activation else NONE
        common = {"padding": padding, "strideW": layer.stride, "strideH": layer.stride}
        name = layer.activation or layer.norm
        if layer.depthwise:
            parameters = self.weights(layer.conv, weight.transpose(1, 2, 3, 0), bias, 3, x)
            options = schema.DepthwiseConv2DOptionsT(**common, depthMultiplier=1, fusedActivationFunction=activation)
            inputs = [self.index[x], *parameters]
            self.operator("DEPTHWISE_CONV_2D", inputs, self.map(name, out), "DepthwiseConv2DOptions", options)
        else:
            parameters = self.weights(layer.conv, weight.transpose(0, 2, 3, 1), bias, 0, x)
            options = schema.Conv2DOptionsT(**common, fusedActivationFunction=activation)
            self.operator("CONV_2D", [self.index[x], *parameters], self.map(name, out), "Conv2DOptions", options)
        if layer.add:
            inputs = [self.index[name], self.index[layer.shortcut]]
            self.operator("ADD", inputs, self.map(layer.add, out), "AddOptions", schema.AddOptionsT())

    def end(self, x: str) -> None:
        """The pool, and the classifier where logits are wanted."""
        case, network = self.case, self.network
        pooled = self.map("pool2d_avg", [case.batch, network.channels])
        axes = self.tensor("axes", [2], "int32", data=np.array([1, 2], np.int32))
        self.operator("MEAN", [self.index[x], axes], pooled, "ReducerOptions", schema.ReducerOptionsT(keepDims=False))
        result = pooled
        if case.feature == "logits":
            weight, bias = (network.tensors[f"classifier.1.{part}"] for part in ("weight", "bias"))
            parameters = self.weights("classifier.1", np.ascontiguousarray(weight.T), bias, 0, "pool2d_avg")
            result = self.map("output", [case.batch, network.classes])
            options = schema.FullyConnectedOptionsT()
            self.operator("FULLY_CONNECTED", [pooled, *parameters], result, "FullyConnectedOptions", options)
        if self.quantized:
            quantized, shape = result, self.graph.tensors[result].shape
            result = self.tensor("output.float", shape, "float32")
            self.operator("DEQUANTIZE", [quantized], result, "DequantizeOptions", schema.DequantizeOptionsT())
        self.graph.outputs = [result]


def make(case: Case) -> bytes:
    """Input float32 [batch][height][width][3], output float32 [batch][values], in int8 as well."""
    writer = Writer(case)
    shape = [case.batch, case.height, case.width, 3]
    if writer.quantized:
        writer.graph.inputs = [writer.tensor("x.float", shape, "float32")]
        writer.operator("QUANTIZE", writer.graph.inputs, writer.map("x", shape), "QuantizeOptions")
        writer.graph.operators[-1].builtinOptions = schema.QuantizeOptionsT()
    else:
        writer.graph.inputs = [writer.map("x", shape)]
    for layer in writer.network.layers:
        writer.layer(layer)
    writer.end(writer.network.layers[-1].output)
    model = schema.ModelT(
        version=3, operatorCodes=[code(name) for name in CODES], subgraphs=[writer.graph], buffers=writer.buffers
    )
    builder = flatbuffers.Builder(1 << 25)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
