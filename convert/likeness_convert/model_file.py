"""The model file: safetensors whose bytes depend on nothing but what is in them.

A u64 with the header's length, the header as JSON, the tensors without gaps. The safetensors package
orders metadata at random, so the header is written here: sorted keys, sorted tensors, spaces at the end so
that the first tensor starts at a multiple of 64. docs/model_file.md describes every entry.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from likeness_convert.architecture import Shape
from likeness_convert.errors import ConvertError
from likeness_convert.state_dict import FloatArray

DATA_ALIGNMENT = 64
DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


class Stored(NamedTuple):
    """A tensor as the file has it."""

    dtype: str  # safetensors' name
    shape: Shape
    data: bytes  # little-endian


def encode(tensors: Mapping[str, FloatArray], metadata: Mapping[str, Any], dtype: str = "float32") -> bytes:
    """The file's bytes, every tensor of one type, a key of `DTYPES`. Raises ConvertError."""
    stored = {
        name: Stored(DTYPES[dtype], values.shape, encode_values(name, values, dtype))
        for name, values in tensors.items()
    }
    return assemble(stored, metadata)


def assemble(tensors: Mapping[str, Stored], metadata: Mapping[str, Any]) -> bytes:
    """The file's bytes. Metadata that is no string is stored as JSON."""
    header: dict[str, Any] = {"__metadata__": {key: as_string(value) for key, value in metadata.items()}}
    parts: list[bytes] = []
    at = 0
    for name in sorted(tensors):
        dtype, shape, part = tensors[name]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(part)]}
        parts.append(part)
        at += len(part)
    text = compact_json(header).encode()
    text += b" " * (-(8 + len(text)) % DATA_ALIGNMENT)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def as_string(value: object) -> str:
    """Strings as they are, all else as JSON: safetensors allows strings alone."""
    return value if isinstance(value, str) else compact_json(value)


def compact_json(value: object) -> str:
    """JSON with sorted keys, no spaces, and names in their own script."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encode_values(name: str, values: FloatArray, dtype: str) -> bytes:
    """Little-endian values of a type of `DTYPES`, rounded to nearest even.

    Raises ConvertError where a value is too large for the type.
    """
    if dtype == "float32":
        return values.astype("<f4").tobytes()
    if dtype == "float16":
        with np.errstate(over="ignore"):
            narrow = values.astype("<f2")
        overflow = bool(np.isinf(narrow).any())
    else:
        narrow = to_bfloat16(values)
        overflow = bool(((narrow & 0x7F80) == 0x7F80).any())
    if overflow:
        raise ConvertError(f"{name} has a value of {np.abs(values).max():g}, too large for {dtype}")
    return narrow.tobytes()


def to_bfloat16(values: FloatArray) -> npt.NDArray[np.uint16]:
    """The upper half of each finite float32, rounded to nearest even."""
    bits = values.astype("<f4").view("<u4")
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    upper: npt.NDArray[np.uint16] = (rounded >> 16).astype("<u2")
    return upper
