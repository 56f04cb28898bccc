"""The int8 model file: the quantized network, written and read back. docs/model_file.md describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors

from likeness_convert import model_file
from likeness_convert.architecture import Architecture
from likeness_convert.convolution import Array
from likeness_convert.folding import read_metadata
from likeness_convert.int8_network import Affine, Int8Network
from likeness_convert.model_file import Stored

FORMAT_VERSION = "2"
PARTS = {"weight": ("I8", "<i1"), "scale": ("F32", "<f4"), "bias": ("F32", "<f4")}


def encode(network: Int8Network, metadata: Mapping[str, str], calibration: Mapping[str, Any]) -> bytes:
    """The file's bytes; `metadata` is that of the float model."""
    tensors: dict[str, Stored] = {}
    for name in network.weights:
        values: dict[str, Array] = {
            "weight": network.weights[name],
            "scale": network.scales[name],
            "bias": network.biases[name],
        }
        for part, (dtype, stored) in PARTS.items():
            data = values[part].astype(stored).tobytes()
            tensors[f"{name}.{part}"] = Stored(dtype, values[part].shape, data)
    activations = {name: {"scale": a.scale, "zero": a.zero} for name, a in network.activations.items()}
    changed = {
        "format_version": FORMAT_VERSION,
        "weights_form": "int8",
        "quantization": {"activations": activations, "calibration": calibration},
    }
    return model_file.assemble(tensors, {**metadata, **changed})


def decode(data: bytes) -> Int8Network:
    """The network in a file that `encode` made."""
    metadata = read_metadata(data)
    entry = json.loads(metadata["architecture"])
    activations = json.loads(metadata["quantization"])["activations"]
    parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    entries: Any = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    for full_name, tensor in entries:
        name, _, part = full_name.rpartition(".")
        parts[part][name] = np.frombuffer(bytes(tensor["data"]), PARTS[part][1]).reshape(tensor["shape"])
    return Int8Network(
        Architecture(entry["scale"], entry["num_classes"]),
        metadata["padding"] == "keras-same",
        parts["weight"],
        parts["scale"],
        parts["bias"],
        {name: Affine(a["scale"], a["zero"]) for name, a in activations.items()},
    )
