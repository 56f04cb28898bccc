"""Paddle 2 programs (`.pdmodel`): a protobuf ProgramDesc. Field numbers are framework.proto's."""

from __future__ import annotations

from typing import Any

from likeness_convert import graph
from likeness_convert.architecture import Shape
from likeness_convert.errors import ConvertError
from likeness_convert.graph import Op, Program
from likeness_convert.wire import Message

# OpDesc.type → our kind and the output that carries the data on
KINDS = {
    "conv2d": (graph.CONV, "Output"),
    "depthwise_conv2d": (graph.CONV, "Output"),
    "batch_norm": (graph.NORM, "Y"),
    "relu6": (graph.RELU6, "Out"),
    "elementwise_add": (graph.ADD, "Out"),
    "pool2d": (graph.POOL, "Out"),
    "flatten_contiguous_range": (graph.FLATTEN, "Out"),
    "dropout": (graph.DROPOUT, "Out"),
    "matmul_v2": (graph.MATMUL, "Out"),
}
LOD_TENSOR = 7  # VarType.Type; feed and fetch are persistable too, and no tensors


def read(data: bytes) -> Program:
    """The program's only block. Raises ConvertError."""
    blocks = Message(memoryview(data)).messages(1)
    if len(blocks) != 1:
        raise ConvertError(f"is no frozen network: the program has {len(blocks)} blocks")
    ops = tuple(read_op(op) for op in blocks[0].messages(4))
    fed = {op.output for op in ops if op.kind == "feed"}
    variables = {}
    input_size = None
    for variable in blocks[0].messages(3):
        name, shape = variable.string(1), tensor_shape(variable)
        if variable.integer(3) and shape is not None:
            variables[name] = shape
        elif name in fed and shape is not None:
            input_size = image_size(shape)
    return Program(ops, variables, input_size)


def tensor_shape(variable: Message) -> Shape | None:
    """VarDesc.type.lod_tensor.tensor.dims, or None for what is no tensor."""
    kind = variable.message(2)
    if kind.integer(1) != LOD_TENSOR:
        return None
    return tuple(kind.message(3).message(1).integers(2))


def image_size(shape: Shape) -> tuple[int, int] | None:
    """(height, width) of an [n, 3, height, width] input, where both are fixed."""
    if len(shape) != 4 or min(shape[2:]) <= 0:
        return None
    return shape[2], shape[3]


def read_op(message: Message) -> Op:
    """An OpDesc {inputs = 1, outputs = 2, type = 3, attrs = 4}; a slot keeps its first value."""
    kind, out_slot = KINDS.get(message.string(3), (message.string(3), "Out"))
    attributes = {attribute.string(1): attribute_value(attribute) for attribute in message.messages(4)}
    output = slots(message, 2).get(out_slot, "")
    return Op(kind, slots(message, 1), output, attributes)


def slots(message: Message, number: int) -> dict[str, str]:
    """Slot → its first argument; empty slots are left out."""
    pairs = ((slot.string(1), slot.strings(2)) for slot in message.messages(number))
    return {name: arguments[0] for name, arguments in pairs if arguments}


def attribute_value(attribute: Message) -> Any:
    """An OpDesc.Attr of a type that the walk asks for; None for others."""
    kind = attribute.integer(2)
    if kind == 0:
        return attribute.integer(3)
    if kind == 1:
        return attribute.float32(4)
    if kind == 2:
        return attribute.string(5)
    if kind == 3:
        return attribute.integers(6)
    if kind == 6:
        return bool(attribute.integer(10))
    return None
