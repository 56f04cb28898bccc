"""A model file's network with every batch norm folded into its convolution.

Folded in double and rounded once, as the engine does it (`layers/filter.c`), so that both start from the
same float32 weights.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from likeness_convert import model
from likeness_convert.architecture import CLASSIFIER_BIAS, CLASSIFIER_WEIGHT, Architecture
from likeness_convert.errors import ConvertError, about
from likeness_convert.state_dict import FloatArray
from likeness_convert.steps import CLASSIFIER, steps_of

Metadata = dict[str, str]


@dataclass(frozen=True)
class Folded:
    """float32 weights and biases by the convolution's name; the classifier's under `classifier.1`."""

    architecture: Architecture
    metadata: Metadata
    weights: dict[str, FloatArray]  # [cout, cin/groups, kh, kw]; the classifier's [in, out]
    biases: dict[str, FloatArray]  # [cout]

    @property
    def same(self) -> bool:
        """Whether the 3 × 3 convolutions pad as Keras does."""
        return self.metadata["padding"] == "keras-same"

    @property
    def preprocess(self) -> dict[str, Any]:
        """`mean`, `std`, `size` …"""
        entry: dict[str, Any] = json.loads(self.metadata["preprocess"])
        return entry


def read(path: Path) -> Folded:
    """The folded network of a model file with float weights. Raises ConvertError."""
    with about(path):
        if path.exists() and not path.is_file():
            raise ConvertError("is a folder or a device, not a file")
        return decode(path.read_bytes())


def decode(data: bytes) -> Folded:
    """The folded network in a model file's bytes. Raises ConvertError."""
    metadata = read_metadata(data)
    form = metadata.get("weights_form", "missing")
    if form == "int8":
        raise ConvertError("is an int8 model already; quantize the float32 model that it was made from")
    if form != "unfolded":
        raise ConvertError(f"has the weights_form {form}, not unfolded")
    try:
        entry = json.loads(metadata["architecture"])
        architecture = Architecture(float(entry["scale"]), int(entry["num_classes"]))
        epsilon = float(metadata["bn_epsilon"])
        preprocess = json.loads(metadata["preprocess"])
        complete = bool(metadata["padding"] and preprocess["size"] and preprocess["mean"] and preprocess["std"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConvertError(f"has metadata that is no model's: {error!r}") from error
    if not complete or metadata.get("format_version") != model.FORMAT_VERSION:
        raise ConvertError("has metadata that is not of the format version 1")
    tensors = read_tensors(data)
    model.check_shapes({name: tensor.shape for name, tensor in tensors.items()}, architecture.tensor_shapes())
    model.check_values(tensors)
    return fold(architecture, metadata, tensors, epsilon)


def read_metadata(data: bytes) -> Metadata:
    """The header's `__metadata__`. Raises ConvertError."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        metadata = header["__metadata__"]
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConvertError("is no model file: it has no safetensors header with metadata") from error
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ConvertError("has metadata that is not strings")
    return metadata


def read_tensors(data: bytes) -> dict[str, FloatArray]:
    """Every tensor as float32. Raises ConvertError."""
    try:
        entries: Any = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise ConvertError(f"is a broken model file: {error}") from error
    return {name: as_float32(name, entry) for name, entry in entries}


def as_float32(name: str, entry: Mapping[str, Any]) -> FloatArray:
    """F32 and F16 as NumPy has them; BF16 is the upper half of a float32."""
    values, dtype = bytes(entry["data"]), entry["dtype"]
    if dtype in ("F32", "F16"):
        flat = np.frombuffer(values, "<f4" if dtype == "F32" else "<f2").astype(np.float32)
    elif dtype == "BF16":
        flat = (np.frombuffer(values, "<u2").astype("<u4") << 16).view("<f4")
    else:
        raise ConvertError(f"the tensor {name} is {dtype}, not F32, F16 or BF16")
    tensor: FloatArray = flat.reshape(entry["shape"])
    return tensor


def fold(architecture: Architecture, metadata: Metadata, tensors: Mapping[str, FloatArray], epsilon: float) -> Folded:
    """w · γ / √(σ² + ε) and β − μ · γ / √(σ² + ε)"""
    weights: dict[str, FloatArray] = {}
    biases: dict[str, FloatArray] = {}
    for step in steps_of(architecture):
        conv, norm = step.layer.conv, step.layer.norm
        gamma, beta, mean, variance = (
            tensors[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "_mean", "_variance")
        )
        factor = gamma / np.sqrt(variance + epsilon)
        weights[conv] = (tensors[f"{conv}.weight"] * factor[:, None, None, None]).astype(np.float32)
        biases[conv] = (-mean * factor + beta).astype(np.float32)
    if architecture.num_classes:
        weights[CLASSIFIER] = tensors[CLASSIFIER_WEIGHT]
        biases[CLASSIFIER] = tensors[CLASSIFIER_BIAS]
    return Folded(architecture, metadata, weights, biases)
