"""The full-size models in ../shared, where that folder lies beside the project."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from conftest import SHARED, Command
from likeness_convert import graph, pickles, program2

MODELS = SHARED / "models"
pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="../shared/models is not there: full-size models not tested"
)


def test_the_three_forms_of_the_imagenet_model_are_equal(convert: Command, tmp_path: Path) -> None:
    loaded = []
    for name in ("mobilenetv2_imagenet.pdparams", "mobilenetv2_imagenet.pdmodel", "mobilenetv2_imagenet_p3.json"):
        output = tmp_path / f"{name}.safetensors"
        labels = SHARED / "photos" / "imagenet_info.json"
        assert convert(MODELS / name, "-o", output, "--labels", labels).status == 0
        loaded.append(load_file(output))
    first = loaded[0]
    assert first["classifier.1.weight"].shape == (1280, 1000)
    for other in loaded[1:]:
        assert other.keys() == first.keys()
        assert all(np.array_equal(other[name], first[name]) for name in first)


def test_the_study_model_converts_by_its_prefix(convert: Command, tmp_path: Path) -> None:
    output = tmp_path / "study.safetensors"
    prefix = MODELS / "study" / "Zodiac_Mobilenetv2_final"
    labels = SHARED / "zodiac_photos" / "dataset_info.json"
    assert convert(prefix, "-o", output, "--labels", labels).status == 0
    with safe_open(output, "numpy") as file:
        metadata = file.metadata()
    assert json.loads(metadata["architecture"]) == {"name": "mobilenet_v2", "num_classes": 12, "scale": 1.0}
    assert json.loads(metadata["source"])["form"] == "paddle2-program"
    assert json.loads(metadata["preprocess"])["size"] == [227, 227]
    assert sum(tensor.size for tensor in load_file(output).values()) == 2_273_356


def test_the_study_models_graph_agrees_with_its_info() -> None:
    prefix = MODELS / "study" / "Zodiac_Mobilenetv2_final"
    info = pickles.load_arrays(Path(f"{prefix}.pdiparams.info").read_bytes())
    program = program2.read(Path(f"{prefix}.pdmodel").read_bytes())
    assert program.input_size == (227, 227)
    names = {static: entry["structured_name"] for static, entry in info.items()}
    assert graph.find_network(program).names == names
