"""Every form of the same network gives the same tensors; forms are recognised by content."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from conftest import FIXTURES, Command, one_line
from likeness_convert import source

FORMS = {
    "w025.pdparams": "paddle-state-dict",
    "w025_p3.pdparams": "paddle-state-dict",
    "w025.pdmodel": "paddle2-program",
    "w025.pdiparams": "paddle2-program",
    "w025": "paddle2-program",
    "w025_p3.json": "paddle3-program",
    "w025_p3": "paddle3-program",
    "w025_torch.pth": "torch-state-dict",
    "w025_keras.h5": "keras-h5",
    "w025_keras": "keras-h5",
}


def read(path: Path) -> source.Source:
    return source.read(source.find(path)[0])


@pytest.mark.parametrize("name", FORMS)
def test_a_form_gives_the_committed_models_tensors(name: str, convert: Command, tmp_path: Path) -> None:
    output = tmp_path / "model.safetensors"
    assert convert(FIXTURES / name, "-o", output).status == 0
    wanted, got = load_file(FIXTURES / "model_w025.safetensors"), load_file(output)
    assert list(wanted) == list(got)
    assert all(np.array_equal(wanted[tensor], got[tensor]) for tensor in wanted)
    with safe_open(output, "numpy") as file:
        assert json.loads(file.metadata()["source"])["form"] == FORMS[name]


def test_a_state_dict_gives_the_committed_model_byte_for_byte(convert: Command, tmp_path: Path) -> None:
    output = tmp_path / "model.safetensors"
    convert(FIXTURES / "w025.pdparams", "-o", output, "--labels", FIXTURES / "dataset_info.json")
    assert output.read_bytes() == (FIXTURES / "model_w025.safetensors").read_bytes()


def test_the_fixtures_names_do_not_start_at_zero() -> None:
    info = (FIXTURES / "w025.pdiparams.info").read_bytes()
    assert b"conv2d_52.w_0" in info
    assert b"conv2d_0.w_0" not in info


def test_a_program_without_info_is_named_by_its_graph(tmp_path: Path) -> None:
    for suffix in (".pdmodel", ".pdiparams"):
        shutil.copy(FIXTURES / f"w025{suffix}", tmp_path / f"bare{suffix}")
    with_info, without = read(FIXTURES / "w025.pdmodel"), read(tmp_path / "bare.pdmodel")
    assert len(with_info.files) == 3
    assert len(without.files) == 2
    assert with_info.tensors.keys() == without.tensors.keys()
    assert all(np.array_equal(with_info.tensors[name], without.tensors[name]) for name in without.tensors)


def test_a_network_inside_another_layer_converts(tmp_path: Path) -> None:
    for suffix in (".pdmodel", ".pdiparams"):
        shutil.copy(FIXTURES / f"w025{suffix}", tmp_path)
    info = pickle.loads((FIXTURES / "w025.pdiparams.info").read_bytes())
    inside = {static: {"structured_name": f"net.{entry['structured_name']}"} for static, entry in info.items()}
    (tmp_path / "w025.pdiparams.info").write_bytes(pickle.dumps(inside, 2))
    assert read(tmp_path / "w025.pdmodel").tensors.keys() == read(FIXTURES / "w025.pdmodel").tensors.keys()


def test_an_info_that_contradicts_the_graph_is_refused(convert: Command, tmp_path: Path) -> None:
    for suffix in (".pdmodel", ".pdiparams"):
        shutil.copy(FIXTURES / f"w025{suffix}", tmp_path)
    info = (FIXTURES / "w025.pdiparams.info").read_bytes()
    swapped = info.replace(b"features.0.1._mean", b"features.9.9._mean", 1)
    (tmp_path / "w025.pdiparams.info").write_bytes(swapped)
    outcome = convert(tmp_path / "w025", "-o", tmp_path / "model.safetensors")
    assert outcome.status == 1
    assert "features.9.9._mean" in outcome.stderr
    assert "features.0.1._mean" in outcome.stderr


def test_a_program_says_epsilon_and_padding() -> None:
    for name in ("w025.pdmodel", "w025_p3.json"):
        program = read(FIXTURES / name)
        assert (program.bn_epsilon, program.padding, program.input_size) == (1e-5, "paddle", None)


def test_an_extension_may_lie(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "w025_torch.pth", tmp_path / "weights.pdparams")
    assert read(tmp_path / "weights.pdparams").form == "torch-state-dict"


def test_a_prefix_with_a_program_and_a_state_dict_says_which_it_takes(convert: Command, tmp_path: Path) -> None:
    outcome = convert(FIXTURES / "w025", "-o", tmp_path / "model.safetensors")
    assert outcome.status == 0
    assert outcome.stderr.endswith("taking w025.pdmodel, not w025.pdparams\n")


def test_a_prefix_keeps_its_dots(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "w025.pdparams", tmp_path / "net.v1.pdparams")
    assert source.find(tmp_path / "net.v1")[0].name == "net.v1.pdparams"


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("empty.pdparams", b"", "is empty"),
        ("text.pdparams", b"no weights here", "is no file of Paddle, PyTorch or Keras"),
        ("list.json", b"[1, 2]", "is no file of Paddle, PyTorch or Keras"),
        ("other.json", b'{"a": 1}', "is not a Paddle 3 program"),
        ("alone.pdiparams", b"\0\0\0\0", "needs its program"),
    ],
)
def test_what_is_no_source_is_refused(name: str, content: bytes, fault: str, convert: Command, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    outcome = convert(tmp_path / name, "-o", tmp_path / "model.safetensors")
    assert outcome.status == 1
    assert one_line(outcome.stderr)
    assert f"{name}: {fault}" in outcome.stderr


def test_a_program_without_its_parameters_is_refused(convert: Command, tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "w025.pdmodel", tmp_path)
    outcome = convert(tmp_path / "w025.pdmodel", "-o", tmp_path / "model.safetensors")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert "w025.pdiparams: No such file" in outcome.stderr


def test_parameters_of_another_program_are_refused(convert: Command, tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "w025.pdmodel", tmp_path)
    data = (FIXTURES / "w025.pdiparams").read_bytes()
    (tmp_path / "w025.pdiparams").write_bytes(data + b"\0")
    outcome = convert(tmp_path / "w025.pdmodel", "-o", tmp_path / "model.safetensors")
    assert outcome.status == 1
    assert "1 bytes more than the program's 262 parameters take" in outcome.stderr


@pytest.mark.parametrize(("name", "fault"), [("", "is a folder"), ("nothing", "no such file")])
def test_a_source_that_is_not_there_is_refused(name: str, fault: str, convert: Command, tmp_path: Path) -> None:
    outcome = convert(tmp_path / name, "-o", tmp_path / "model.safetensors")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert fault in outcome.stderr


@pytest.mark.parametrize("name", ["", ".", "/", "..", "x" * 5000])
def test_an_odd_name_is_refused(name: str, convert: Command, tmp_path: Path) -> None:
    outcome = convert(name, "-o", tmp_path / "model.safetensors")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
