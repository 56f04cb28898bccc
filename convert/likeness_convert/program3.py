"""Paddle 3 programs (`.json`): PIR, serialized with short keys.

    {"base_code": {"magic": "pir", …},
     "program": {"regions": [{"blocks": [{"ops": [op, …]}]}]}}

A parameter is {"#": "p", "A": [flag, flag, flag, name], "O": {"%": value, "TT": type}}; another op is
{"#": "1.conv2d", "A": [{"N": name, "AT": attribute}], "I": [{"%": value}], "O": [{"%": value, "TT": type}]}.
"1." is the operator dialect. A tensor's type is {"D": [element type, dims, layout, lod, offset]}.
"""

from __future__ import annotations

import json
from typing import Any

from likeness_convert import graph
from likeness_convert.architecture import Shape
from likeness_convert.errors import ConvertError
from likeness_convert.graph import Op, Program
from likeness_convert.program2 import image_size

PARAMETER, INPUT = "p", "1.data"
# Operation → our kind and the names of its inputs, which PIR gives by position
KINDS = {
    "1.conv2d": (graph.CONV, ("Input", "Filter")),
    "1.depthwise_conv2d": (graph.CONV, ("Input", "Filter")),
    "1.batch_norm": (graph.NORM, ("X", "Mean", "Variance", "Scale", "Bias")),
    "1.batch_norm_": (graph.NORM, ("X", "Mean", "Variance", "Scale", "Bias")),
    "1.relu6": (graph.RELU6, ("X",)),
    "1.add": (graph.ADD, ("X", "Y")),
    "1.pool2d": (graph.POOL, ("X",)),
    "1.flatten": (graph.FLATTEN, ("X",)),
    "1.dropout": (graph.DROPOUT, ("X",)),
    "1.matmul": (graph.MATMUL, ("X", "Y")),
}


def read(data: bytes) -> Program:
    """The program's only block. Raises ConvertError."""
    try:
        return read_block(find_block(json.loads(data)))
    except RecursionError as error:
        raise ConvertError("is JSON nested too deeply") from error
    except ValueError as error:
        raise ConvertError(f"is not JSON: {error}") from error
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        # The format has no schema to check against; a wrong type anywhere ends here.
        raise ConvertError(f"is not a Paddle 3 program ({type(error).__name__}: {error})") from error


def find_block(document: Any) -> list[Any]:
    """The operations of the only block. Raises ConvertError, or what a wrong type raises."""
    if document["base_code"]["magic"] != "pir":
        raise ConvertError("is JSON, but not a Paddle 3 program")
    regions = document["program"]["regions"]
    if len(regions) != 1 or len(regions[0]["blocks"]) != 1:
        raise ConvertError("is no frozen network: the program has several blocks")
    operations: list[Any] = regions[0]["blocks"][0]["ops"]
    return operations


def read_block(operations: list[Any]) -> Program:
    """Operations and parameters; raises what a wrong type raises."""
    names: dict[int, str] = {}
    variables: dict[str, Shape] = {}
    ops: list[Op] = []
    input_size = None
    for operation in operations:
        if operation["#"] == PARAMETER:
            name, output = operation["A"][3], operation["O"]
            if not isinstance(name, str):
                raise TypeError("a parameter's name is not a string")
            names[output["%"]] = name
            variables[name] = tensor_shape(output)
        elif operation["#"] == INPUT:
            input_size = image_size(tensor_shape(operation["O"][0]))
        if operation["#"] in KINDS:
            ops.append(read_op(operation, names))
    return Program(tuple(ops), variables, input_size)


def read_op(operation: Any, names: dict[int, str]) -> Op:
    """One operation of `KINDS`; parameters are called by name, other values %number."""
    kind, input_names = KINDS[operation["#"]]
    values = [value_name(value["%"], names) for value in operation["I"]]
    attributes = {attribute["N"]: plain(attribute["AT"]) for attribute in operation["A"]}
    inputs = dict(zip(input_names, values, strict=False))  # dropout has two more, of no interest
    return Op(kind, inputs, value_name(operation["O"][0]["%"], names), attributes)


def value_name(number: int, names: dict[int, str]) -> str:
    """The parameter's name, or one that no parameter has."""
    return names.get(number, f"%{number}")


def plain(attribute: Any) -> Any:
    """The scalar or flat list in {"#": type, "D": value}, None for others; arrays hold such pairs again."""
    value = attribute.get("D")
    if attribute["#"] == "0.a_array":
        value = [item.get("D") for item in value]
    scalars = value if isinstance(value, list) else [value]
    return value if all(isinstance(item, int | float | str) for item in scalars) else None


def tensor_shape(output: Any) -> Shape:
    """The dims of a value's type."""
    dims = output["TT"]["D"][1]
    if not all(type(size) is int for size in dims):
        raise ConvertError(f"has a tensor of shape {dims!r:.80}")
    return tuple(dims)
