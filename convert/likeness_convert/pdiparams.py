"""Parameters of a program (`.pdiparams`): one record a variable, in the order of their sorted names.

A record is what Paddle's SerializeToStream writes: u32 0, u64 levels of detail (each u64 bytes and the
bytes), u32 0, i32 length of a protobuf TensorDesc {data_type = 1, dims = 2}, the TensorDesc, the values.
There are no names in the file: they come from the program, and each shape is checked against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from likeness_convert.architecture import Shape
from likeness_convert.errors import ConvertError
from likeness_convert.state_dict import FloatArray
from likeness_convert.wire import Message, Reader

# framework.proto, VarType.Type
DTYPES = {4: "<f2", 5: "<f4"}


def read(data: bytes, variables: Mapping[str, Shape]) -> dict[str, FloatArray]:
    """Static name → float32 array, for the program's `variables`. Raises ConvertError."""
    reader = Reader(memoryview(data))
    tensors = {}
    for name in sorted(variables):
        if not reader.left:
            raise ConvertError(f"is truncated: {name} and what follows are missing")
        tensors[name] = read_record(reader, name, variables[name])
    if reader.left:
        raise ConvertError(f"has {reader.left} bytes more than the program's {len(tensors)} parameters take")
    return tensors


def read_record(reader: Reader, name: str, expected: Shape) -> FloatArray:
    """The next record, which must be of the shape that the program gives `name`. Raises ConvertError."""
    check_zero(reader.unpack("<I"), name)
    for _ in range(reader.unpack("<Q")):
        reader.take(reader.unpack("<Q"))
    check_zero(reader.unpack("<I"), name)
    description = Message(reader.take(reader.unpack("<i")))
    shape = tuple(description.integers(2))
    if shape != expected or min(shape, default=1) < 1:
        raise ConvertError(f"{name} has the shape {list(shape)}, and {list(expected)} in the program")
    dtype = DTYPES.get(description.integer(1, -1))
    if dtype is None:
        raise ConvertError(f"{name} is not float32 (Paddle's type {description.integer(1, -1)})")
    raw = reader.take(math.prod(shape) * np.dtype(dtype).itemsize)
    return np.frombuffer(raw, dtype).astype(np.float32).reshape(shape)


def check_zero(version: int, name: str) -> None:
    """Both version numbers of a record have been 0 in every Paddle. Raises ConvertError."""
    if version != 0:
        raise ConvertError(f"{name}: a record of version {version}; this is no .pdiparams file, or it is damaged")
