"""The tensor files of bench/gpu."""

from __future__ import annotations

import json
from pathlib import Path

import gpu_tensors
import numpy as np
import pytest


def write_trace(folder: Path, first: int) -> None:
    stages = {
        "decoded_rgb_u8": np.zeros((5, 5, 3), np.uint8),
        "resized_rgb_u8": np.full((2, 4, 3), first, np.uint8),
        "input": np.zeros((2, 4, 3), np.float32),
        "features.0": np.arange(2 * 2 * 8, dtype=np.float32).reshape(2, 2, 8) + first,
        "pool2d_avg": np.arange(8, dtype=np.float32) * first,
    }
    folder.mkdir()
    listed = []
    for name, array in stages.items():
        np.save(folder / f"{name}.npy", array)
        listed.append({"name": name, "file": f"{name}.npy", "layout": "HWC" if array.ndim == 3 else "vector"})
    (folder / "trace.json").write_text(json.dumps({"stages": listed}))


def read(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, about in json.loads(data[8 : 8 + length]).items():
        begin, end = (8 + length + offset for offset in about["data_offsets"])
        dtype = {"U8": np.uint8, "F32": np.float32}[about["dtype"]]
        tensors[name] = np.frombuffer(data[begin:end], dtype).reshape(about["shape"])
    assert (8 + length) % 64 == 0
    return tensors


@pytest.mark.parametrize("every", [True, False])
def test_traces_become_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: bool) -> None:
    for number in (1, 2):
        write_trace(tmp_path / str(number), number)
    arguments = ["gpu_tensors", str(tmp_path / "out"), str(tmp_path / "1"), str(tmp_path / "2")]
    monkeypatch.setattr("sys.argv", arguments + (["--all"] if every else []))
    gpu_tensors.main()
    tensors = read(tmp_path / "out")
    assert list(tensors) == ["pixels", *(["features.0"] if every else []), "pool2d_avg"]
    assert tensors["pixels"].shape == (2, 2, 4, 3)
    assert tensors["pixels"][1, 0, 0].tolist() == [2, 2, 2]
    assert tensors["pool2d_avg"][1].tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
    if every:
        assert tensors["features.0"][0, 3].tolist() == [[4, 12], [20, 28]]
