"""Paddle state dicts (`.pdparams`): a pickled dict from structured name to array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness_convert import pickles
from likeness_convert.errors import ConvertError

FloatArray = npt.NDArray[np.float32]

STATIC_NAMES = "StructuredToParameterName@@"
SLICES = "UnpackBigParamInfor@@"


def read(data: bytes) -> dict[str, FloatArray]:
    """Name → float32 array. Raises ConvertError."""
    entries = pickles.load_arrays(data)
    if not isinstance(entries, dict):
        raise ConvertError(f"is a pickle of a {type(entries).__name__}, not of a state dict")
    entries.pop(STATIC_NAMES, None)
    slices = entries.pop(SLICES, {})
    arrays = {text(name): array_of(text(name), value) for name, value in entries.items()}
    if sum(array.nbytes for array in arrays.values()) > len(data):
        raise ConvertError("has the same array under many names")
    return {name: to_float32(name, array) for name, array in join_slices(arrays, slices).items()}


def text(name: object) -> str:
    """`name`, if it is a string. Raises ConvertError."""
    if not isinstance(name, str):
        raise ConvertError(f"the state dict has a key that is no name but of type {type(name).__name__}")
    return name


def array_of(name: str, value: object) -> npt.NDArray[Any]:
    """The array of an entry: `array`, or `(static name, array)`. Raises ConvertError."""
    if isinstance(value, tuple) and len(value) == 2:
        value = value[1]
    if not isinstance(value, pickles.PickledArray):
        raise ConvertError(f"the state dict's {name} is a {type(value).__name__}, not an array")
    return pickles.filled(value)


def join_slices(arrays: dict[str, npt.NDArray[Any]], slices: object) -> dict[str, npt.NDArray[Any]]:
    """Puts arrays together again that Paddle cut because old pickles could not hold 4 GB.

    `slices` maps a name to {"OriginShape": shape, "slices": [names of the parts]}. Raises ConvertError.
    """
    if not isinstance(slices, dict):
        raise ConvertError(f"{SLICES} is a {type(slices).__name__}, not a dict")
    joined = dict(arrays)
    for key, info in slices.items():
        name = text(key)
        if not isinstance(info, dict) or not isinstance(info.get("slices"), list):
            raise ConvertError(f"{SLICES} does not say what the slices of {name} are")
        parts = []
        for part in info["slices"]:
            if not isinstance(part, str) or part not in joined:
                raise ConvertError(f"the slice {part} of {name} is missing")
            parts.append(joined.pop(part).ravel())
        joined[name] = join(name, parts, info.get("OriginShape"))
    return joined


def join(name: str, parts: list[npt.NDArray[Any]], shape: object) -> npt.NDArray[Any]:
    """`parts`, flat, as one array of `shape`. Raises ConvertError."""
    shape = tuple(shape) if isinstance(shape, list) else shape
    if not parts or not isinstance(shape, tuple) or not pickles.is_shape(shape):
        raise ConvertError(f"{SLICES} does not give {name} a shape and slices")
    whole = np.concatenate(parts)
    if not whole.size or whole.size != math.prod(shape):
        raise ConvertError(f"the slices of {name} hold {whole.size} values, not those of {list(shape)}")
    return whole.reshape(shape)


def to_float32(name: str, array: npt.NDArray[Any]) -> FloatArray:
    """Float32 and float16, which it holds exactly, as float32. Raises ConvertError for other types."""
    if array.dtype.kind != "f" or array.dtype.itemsize > 4:
        raise ConvertError(f"{name} is {array.dtype}, not float32")
    return np.ascontiguousarray(array, np.float32)
