"""Keras weights (`.h5`) of `keras.applications.MobileNetV2`, read with h5py and without Keras.

/Conv1/Conv1/kernel:0                                        weights alone, as Keras 2 saves them
/model_weights/Conv1/Conv1/kernel:0                          a whole model, with its settings in model_config
/model_weights/mobilenetv2_1.00_160/Conv1/kernel:0           a whole model with the network as one of its layers

Keras 3 leaves `:0` out. The last two names are the layer's and the variable's in all of them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from likeness_convert.architecture import CLASSIFIER_BIAS, CLASSIFIER_WEIGHT, Architecture
from likeness_convert.errors import ConvertError
from likeness_convert.state_dict import FloatArray, to_float32

SIGNATURE = b"\x89HDF\r\n\x1a\n"
EPSILON = 1e-3
PADDING = "keras-same"
SIZE = (224, 224)
HALVES = (0.5, 0.5, 0.5)  # mean and deviation of pixels from 0 to 1: x / 127.5 - 1

NORM_PARTS = {"gamma": "weight", "beta": "bias", "moving_mean": "_mean", "moving_variance": "_variance"}
CONV_PARTS = ("kernel", "depthwise_kernel")  # the second is Keras 2's name for a depthwise layer's
# Where an axis of Keras's kernel lies in Paddle's.
HWIO_TO_OIHW = (3, 2, 0, 1)
DEPTHWISE_TO_OIHW = (2, 3, 0, 1)  # [kh, kw, channels, 1]


@dataclass(frozen=True)
class KerasFile:
    """What a file says. Tensors have Paddle's names and shapes; those of no known layer keep Keras's."""

    tensors: dict[str, FloatArray]
    bn_epsilon: float
    input_size: tuple[int, int]


def read(data: bytes) -> KerasFile:
    """The weights and settings in the bytes of an .h5. Raises ConvertError."""
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            variables = read_variables(file, len(data))
            layers = list(settings_of(file))
    except (
        OSError,
        OverflowError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
    ) as error:  # what h5py raises for damage
        reason = str(error).strip("'\"").splitlines() or [type(error).__name__]
        raise ConvertError(f"is a broken or truncated HDF5 file: {reason[0]}") from error
    return KerasFile(paddle_tensors(variables), epsilon_of(layers), input_size_of(layers))


def read_variables(file: Any, limit: int) -> dict[tuple[str, str], FloatArray]:
    """(layer, variable) → values; what an optimizer keeps stands outside `model_weights` and is not read.

    Raises ConvertError where values are not in the file itself, plain, and smaller than `limit` in all.
    """
    variables: dict[tuple[str, str], FloatArray] = {}
    root = file.get("model_weights", file)

    def keep(path: str, item: Any) -> None:
        nonlocal limit
        layer, _, variable = path.removesuffix(":0").rpartition("/")
        if not isinstance(item, h5py.Dataset) or not layer:
            return
        key = (layer.rpartition("/")[2], variable)
        name = "/".join(key)
        if key in variables:
            raise ConvertError(f"has {name} twice")
        if item.external or item.is_virtual or item.chunks or item.id.get_storage_size() != item.nbytes:
            raise ConvertError(f"{name} is not stored as Keras stores it, whole, plain and in this file")
        limit -= item.nbytes
        if limit < 0:
            raise ConvertError("has values that overlap")
        variables[key] = to_float32(name, np.asarray(item[()]))

    root.visititems(keep)
    return variables


def settings_of(file: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(class name, settings) of each layer of a whole model, those inside other layers too."""
    text = file.attrs.get("model_config")
    if text is None:
        return
    waiting = [json.loads(text)]
    while waiting:
        entry = waiting.pop()
        if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
            raise ConvertError("has a model_config that does not describe layers")
        yield str(entry.get("class_name")), entry["config"]
        inner = entry["config"].get("layers", [])
        waiting += inner if isinstance(inner, list) else []


def epsilon_of(layers: list[tuple[str, dict[str, Any]]]) -> float:
    """The epsilon that all batch norms share, or the one that keras.applications sets. Raises ConvertError."""
    found = [settings.get("epsilon", EPSILON) for kind, settings in layers if kind == "BatchNormalization"]
    epsilon = found[0] if found else EPSILON
    if found.count(epsilon) != len(found) or not isinstance(epsilon, float) or not 0 < epsilon < 1:
        raise ConvertError("has batch norms of different epsilons, or of one that is not between 0 and 1")
    return epsilon


def input_size_of(layers: list[tuple[str, dict[str, Any]]]) -> tuple[int, int]:
    """(height, width) of the outermost input that has one, else Keras's own."""
    for kind, settings in layers:
        shape = settings.get("batch_shape") or settings.get("batch_input_shape")  # Keras 3, Keras 2
        if kind != "InputLayer" or not isinstance(shape, list) or len(shape) != 4:
            continue
        height, width = shape[1:3]
        if isinstance(height, int) and isinstance(width, int):
            return height, width
    return SIZE


def paddle_tensors(variables: dict[tuple[str, str], FloatArray]) -> dict[str, FloatArray]:
    """Tensors as Paddle names and lays them out. Raises ConvertError."""
    convs, norms = paddle_names()
    dense = {layer for (layer, part), values in variables.items() if part == "kernel" and values.ndim == 2}
    if len(dense) > 1:
        raise ConvertError(f"has the dense layers {' and '.join(sorted(dense))}, and a MobileNetV2 has one at most")
    tensors: dict[str, FloatArray] = {}
    for (layer, part), values in variables.items():
        if layer in convs and part in CONV_PARTS and values.ndim == 4:
            name, values = f"{convs[layer]}.weight", to_oihw(layer, values)
        elif layer in norms and part in NORM_PARTS:
            name = f"{norms[layer]}.{NORM_PARTS[part]}"
        elif dense == {layer} and part in ("kernel", "bias"):
            name = CLASSIFIER_WEIGHT if part == "kernel" else CLASSIFIER_BIAS  # in × out, as Paddle's
        else:
            name = f"{layer}/{part}"
        if name in tensors:
            raise ConvertError(f"has {layer}/{part} twice")
        tensors[name] = values
    return tensors


def paddle_names() -> tuple[dict[str, str], dict[str, str]]:
    """Keras's layer name → Paddle's, of the convolutions and of the batch norms."""
    keras = [("Conv1", "bn_Conv1")]
    blocks = ["expanded_conv", *(f"block_{number}" for number in range(1, 17))]
    for block in blocks:
        steps = ("depthwise", "project") if block == blocks[0] else ("expand", "depthwise", "project")
        keras += [(f"{block}_{step}", f"{block}_{step}_BN") for step in steps]
    keras.append(("Conv_1", "Conv_1_bn"))
    ours = list(Architecture(1.0, 0).layers())
    convs = {conv: layer.conv for (conv, _), layer in zip(keras, ours, strict=True)}
    norms = {norm: layer.norm for (_, norm), layer in zip(keras, ours, strict=True)}
    return convs, norms


def to_oihw(layer: str, kernel: FloatArray) -> FloatArray:
    """Paddle's axes: [cout, cin/groups, kh, kw]."""
    axes = DEPTHWISE_TO_OIHW if layer.endswith("_depthwise") else HWIO_TO_OIHW
    return np.ascontiguousarray(kernel.transpose(axes))
