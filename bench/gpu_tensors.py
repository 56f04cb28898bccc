"""The tensor files of bench/gpu, from traces of the reference backend: pixels, and what comes of them.

python bench/gpu_tensors.py OUT.safetensors TRACE [TRACE...] [--all]

Without --all only pooled features and logits, which are small. Maps become [channels][height][width], as the library
gives features.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def read_trace(folder: Path, every_layer: bool) -> dict[str, Array]:
    stages = json.loads((folder / "trace.json").read_text())["stages"]
    tensors = {}
    for stage in stages:
        name = "pixels" if stage["name"] == "resized_rgb_u8" else stage["name"]
        wanted = name in ("pixels", "pool2d_avg", "classifier.1") or every_layer
        if not wanted or name in ("decoded_rgb_u8", "input"):
            continue
        array = np.load(folder / stage["file"])
        if stage["layout"] == "HWC" and name != "pixels":
            array = array.transpose(2, 0, 1)
        tensors[name] = array
    return tensors


def write(path: Path, tensors: dict[str, Array]) -> None:
    """https://github.com/huggingface/safetensors#format"""
    header, at = {}, 0
    for name, array in tensors.items():
        dtype = {"uint8": "U8", "float32": "F32"}[str(array.dtype)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("traces", type=Path, nargs="+")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    each = [read_trace(trace, options.all) for trace in options.traces]
    write(options.out, {name: np.stack([tensors[name] for tensors in each]) for name in each[0]})


if __name__ == "__main__":
    main()
