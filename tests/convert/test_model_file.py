"""The written file: its layout, its metadata, other types, and the same bytes from every process."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import deserialize, safe_open
from safetensors.numpy import load_file

from conftest import FIXTURES, Command, one_line, random_state, save_state
from likeness_convert import model_file

SOURCE = FIXTURES / "w025.pdparams"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def header_of(data: bytes) -> tuple[dict[str, Any], int]:
    """The header, and where the data starts."""
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), 8 + size


def metadata_of(path: Path) -> dict[str, str]:
    with safe_open(path, "numpy") as file:
        metadata: dict[str, str] = file.metadata()
    return metadata


def test_the_safetensors_package_reads_what_was_written(convert: Command, output: Path, tmp_path: Path) -> None:
    state = random_state()
    assert convert(save_state(tmp_path / "s.pdparams", state), "-o", output).status == 0
    loaded = load_file(output)
    assert loaded.keys() == state.keys()
    assert all(np.array_equal(loaded[name], state[name]) for name in state)


def test_the_layout_is_sorted_aligned_and_without_gaps(convert: Command, output: Path) -> None:
    convert(SOURCE, "-o", output, "--labels", FIXTURES / "dataset_info.json")
    data = output.read_bytes()
    header, start = header_of(data)
    metadata = header.pop("__metadata__")
    assert start % 64 == 0
    assert list(header) == sorted(header)
    assert list(metadata) == sorted(metadata)
    assert all(isinstance(value, str) for value in metadata.values())
    ends = [entry["data_offsets"] for entry in header.values()]
    assert [begin for begin, _ in ends] == [0, *[end for _, end in ends[:-1]]]
    assert start + ends[-1][1] == len(data)


def test_the_metadata(convert: Command, output: Path) -> None:
    convert(SOURCE, "-o", output, "--labels", FIXTURES / "dataset_info.json")
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    assert metadata_of(output) == {
        "architecture": '{"name":"mobilenet_v2","num_classes":12,"scale":0.25}',
        "bn_epsilon": "1e-05",
        "format_version": "1",
        "labels": '["鼠","牛","虎","兔","龙","蛇","马","羊","猴","鸡","狗","猪"]',
        "labels_en": ('["rat","ox","tiger","rabbit","dragon","snake","horse","goat","monkey","rooster","dog","pig"]'),
        "padding": "paddle",
        "preprocess": ('{"mean":[0.485,0.456,0.406],"resize":"exact","size":[227,227],"std":[0.229,0.224,0.225]}'),
        "source": f'{{"files":[{{"name":"w025.pdparams","sha256":"{digest}"}}],"form":"paddle-state-dict"}}',
        "weights_form": "unfolded",
    }


def test_options_are_stored(convert: Command, output: Path) -> None:
    options = ["--padding", "keras-same", "--bn-epsilon", "1e-3", "--size", 224, "--resize-shorter", 256]
    assert convert(SOURCE, "-o", output, *options, "--mean", "0.5,0.5,0.5", "--std", "1,1,1").status == 0
    metadata = metadata_of(output)
    assert (metadata["padding"], metadata["bn_epsilon"]) == ("keras-same", "0.001")
    assert json.loads(metadata["preprocess"]) == {
        "mean": [0.5, 0.5, 0.5],
        "resize": "shorter",
        "shorter": 256,
        "size": [224, 224],
        "std": [1.0, 1.0, 1.0],
    }


def test_the_same_source_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    written = set()
    for seed in ("0", "1", "4711", "random"):
        output = tmp_path / f"{seed}.safetensors"
        command = [sys.executable, "-m", "likeness_convert", str(FIXTURES / "w025.pdmodel"), "-o", str(output)]
        command += ["--labels", str(FIXTURES / "dataset_info.json")]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        written.add(output.read_bytes())
    assert len(written) == 1


@pytest.mark.parametrize(("dtype", "bits"), [("float16", 10), ("bfloat16", 7)])
def test_other_types_are_the_nearest_values(dtype: str, bits: int, convert: Command, output: Path) -> None:
    assert convert(SOURCE, "-o", output, "--dtype", dtype).status == 0
    wanted = load_file(FIXTURES / "model_w025.safetensors")
    entries = dict(deserialize(output.read_bytes()))
    assert entries.keys() == wanted.keys()
    for name, entry in entries.items():
        assert entry["dtype"] == model_file.DTYPES[dtype]
        assert tuple(entry["shape"]) == wanted[name].shape
        raw = np.frombuffer(entry["data"], "<u2")
        values = raw.view("<f2").astype(np.float32) if dtype == "float16" else widen(raw)
        error = np.abs(values - wanted[name].ravel())
        smallest_step = 2.0**-24 if dtype == "float16" else 0
        assert np.all(error <= np.maximum(np.abs(wanted[name].ravel()) * 2.0 ** -(bits + 1), smallest_step / 2))


def widen(bfloat16: Any) -> Any:
    return (bfloat16.astype(np.uint32) << 16).view(np.float32)


def test_bfloat16_rounds_to_even() -> None:
    halves = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, -1 - 2.0**-8], np.float32)
    assert widen(model_file.to_bfloat16(halves)).tolist() == [1, 1 + 2.0**-6, -1]


@pytest.mark.parametrize(("dtype", "value"), [("float16", 65520.0), ("bfloat16", 3.4e38)])
def test_a_value_too_large_for_the_type_is_refused(
    dtype: str, value: float, convert: Command, output: Path, tmp_path: Path
) -> None:
    state = random_state()
    state["features.0.1.bias"][0] = value
    source = save_state(tmp_path / "s.pdparams", state)
    outcome = convert(source, "-o", output, "--dtype", dtype)
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert f"features.0.1.bias has a value of {value:g}, too large for {dtype}" in outcome.stderr
    assert convert(source, "-o", output).status == 0
