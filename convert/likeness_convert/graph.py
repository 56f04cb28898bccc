"""A program's graph, the same for Paddle 2 and Paddle 3, and the walk that finds MobileNetV2 in it.

Variables are called `conv2d_52.w_0` and the like after counters of the process that saved them, so a name
says nothing. The walk follows the data instead: from the input through convolution, batch norm and ReLU6,
over the residual sums, to the classifier; what it meets on the way gets its structured name. It also
proves that the program computes what the engine will compute from these weights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from likeness_convert.architecture import (
    CLASSIFIER_BIAS,
    CLASSIFIER_WEIGHT,
    Architecture,
    ConvNorm,
    Shape,
    scale_of,
)
from likeness_convert.errors import ConvertError

CONV, NORM, RELU6, ADD, MATMUL = "conv", "batch_norm", "relu6", "add", "matmul"
POOL, FLATTEN, DROPOUT = "pool", "flatten", "dropout"

PADDLE, KERAS_SAME = "paddle", "keras-same"


@dataclass(frozen=True)
class Op:
    """An operation. Inputs are keyed as Paddle 2 calls them (`X`, `Filter`, …); values are names of values."""

    kind: str
    inputs: Mapping[str, str]
    output: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """Operations in the order in which they run, and the shapes of the parameters by static name."""

    ops: tuple[Op, ...]
    variables: Mapping[str, Shape]
    input_size: tuple[int, int] | None  # (height, width) where the program fixes them


@dataclass
class Network:
    """What the walk finds."""

    names: dict[str, str] = field(default_factory=dict)  # static → structured
    epsilon: float = 1e-5
    padding: str = PADDLE


def find_network(program: Program) -> Network:
    """MobileNetV2's parameters in `program`. Raises ConvertError where the graph is another's."""
    return Walk(program).run()


class Walk:
    """One pass along the data of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.network = Network()
        self.epsilons: set[float] = set()
        self.paddings: set[str] = set()
        self.consumers: dict[str, list[Op]] = defaultdict(list)
        for op in program.ops:
            for value in op.inputs.values():
                self.consumers[value].append(op)

    def run(self) -> Network:
        """The whole network. Raises ConvertError."""
        convs = [op for op in self.program.ops if op.kind == CONV]
        architecture = self.architecture(convs)
        value = input_of(convs[0], "Input")
        for block in architecture.blocks:
            start = value
            for layer in block.layers:
                value = self.conv_norm(value, layer)
            if block.residual:
                value = self.residual_sum(start, value)
        self.classifier(value)
        self.network.epsilon = self.agreed("batch-norm epsilons", self.epsilons)
        self.network.padding = self.agreed("paddings", self.paddings)
        return self.network

    def architecture(self, convs: list[Op]) -> Architecture:
        """The widths, from the convolutions in the order of the program: a chain has only one order."""
        layers = list(Architecture(1.0, 0).layers())
        if len(convs) != len(layers):
            raise ConvertError(f"the program has {len(convs)} convolutions, and MobileNetV2 {len(layers)}")
        shapes = {}
        for layer, conv in zip(layers, convs, strict=True):
            shapes[f"{layer.conv}.weight"] = self.program.variables.get(input_of(conv, "Filter"), ())
        return Architecture(scale_of(shapes), 0)

    def conv_norm(self, value: str, layer: ConvNorm) -> str:
        """Names the parameters of `layer`, which must start at `value`; returns what leaves it."""
        conv = self.take(value, "Input", CONV, layer.conv)
        self.check_geometry(conv, layer)
        self.name(conv, "Filter", f"{layer.conv}.weight")
        norm = self.take(conv.output, "X", NORM, layer.norm)
        for slot, part in (
            ("Scale", "weight"),
            ("Bias", "bias"),
            ("Mean", "_mean"),
            ("Variance", "_variance"),
        ):
            self.name(norm, slot, f"{layer.norm}.{part}")
        self.epsilons.add(shortest_float32(norm.attributes.get("epsilon", 1e-5), layer.norm))
        if not layer.relu6:
            return norm.output
        return self.take(norm.output, "X", RELU6, f"{layer.norm}'s activation").output

    def residual_sum(self, start: str, value: str) -> str:
        """The sum of a block's input and output, in either order."""
        for op in self.consumers[value]:
            if op.kind == ADD and set(op.inputs.values()) == {start, value}:
                return op.output
        raise ConvertError(f"the program does not add {start} to {value}: no MobileNetV2 of this width")

    def classifier(self, value: str) -> None:
        """Names the classifier's parameters, if the program goes on to one."""
        while following := [op for op in self.consumers[value] if op.kind in (POOL, FLATTEN, DROPOUT)]:
            value = following[0].output
            self.consumers[value] = [op for op in self.consumers[value] if op is not following[0]]
        products = [op for op in self.consumers[value] if op.kind == MATMUL]
        if not products:
            return
        if any(products[0].attributes.get(flag) for flag in ("trans_x", "trans_y", "transpose_x", "transpose_y")):
            raise ConvertError("the program's classifier multiplies a transposed matrix")
        self.name(products[0], "Y", CLASSIFIER_WEIGHT)
        self.name(self.take(products[0].output, "X", ADD, CLASSIFIER_BIAS), "Y", CLASSIFIER_BIAS)

    def take(self, value: str, slot: str, kind: str, what: str) -> Op:
        """The one operation of `kind` that reads `value`. Raises ConvertError."""
        readers = self.consumers[value]
        found = [op for op in readers if op.kind == kind and op.inputs.get(slot) == value]
        if len(found) != 1:
            met = ", ".join(op.kind for op in readers) or "nothing"
            raise ConvertError(f"the program does not go on to {what}: {kind} is expected after {value}, not {met}")
        return found[0]

    def name(self, op: Op, slot: str, structured: str) -> None:
        """Gives the parameter in `slot` its structured name. Raises ConvertError."""
        static = input_of(op, slot)
        if static not in self.program.variables:
            raise ConvertError(f"the program's {structured} is {static}, which is no parameter")
        if static in self.network.names:
            raise ConvertError(f"the program's {static} is {structured} and {self.network.names[static]} at once")
        self.network.names[static] = structured

    def check_geometry(self, conv: Op, layer: ConvNorm) -> None:
        """Stride, dilation, groups and padding must be the layer's. Raises ConvertError."""
        attributes = conv.attributes
        wanted = {"strides": [layer.stride] * 2, "dilations": [1, 1], "groups": layer.groups}
        for name, value in wanted.items():
            if attributes.get(name, value) != value:
                raise ConvertError(f"{layer.conv} has {name} {attributes[name]}, and {value} in MobileNetV2")
        algorithm, paddings = attributes.get("padding_algorithm", "EXPLICIT"), attributes.get("paddings")
        margin = (layer.kernel - 1) // 2
        if algorithm == "EXPLICIT" and paddings in ([margin] * 2, [margin] * 4):
            found = PADDLE
        elif algorithm == "SAME":
            found = KERAS_SAME
        else:
            raise ConvertError(f"{layer.conv} has {algorithm} paddings {paddings}, and {margin} in MobileNetV2")
        if layer.kernel > 1:  # a single tap is padded by neither
            self.paddings.add(found)

    @staticmethod
    def agreed(what: str, values: set[Any]) -> Any:
        """The one value that all layers share. Raises ConvertError."""
        if len(values) != 1:
            raise ConvertError(f"the program's layers have different {what}: {sorted(values)}")
        return values.pop()


def input_of(op: Op, slot: str) -> str:
    """The value in an operation's slot. Raises ConvertError where it is empty."""
    if slot not in op.inputs:
        raise ConvertError(f"the program has a {op.kind} without {slot}")
    return op.inputs[slot]


def shortest_float32(value: object, what: str) -> float:
    """1e-05 for the float32 9.999999747378752e-06: the shortest decimal that rounds to it."""
    if not isinstance(value, float) or not 0 < value < 1:
        raise ConvertError(f"{what} has the epsilon {value!r:.40}")
    return float(str(np.float32(value)))
