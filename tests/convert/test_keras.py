"""Keras's .h5, read without Keras: its layouts, its names, what its settings say, and parity of what comes out."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras_oracle
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from conftest import FIXTURES, Arrays, Command, one_line
from likeness_convert import model, model_file, source
from likeness_convert.architecture import Architecture
from likeness_convert.picture import drawn_picture, write_png

SOURCE = FIXTURES / "w025_keras.h5"
LIKENESS = Path(__file__).resolve().parents[2] / "build" / "release" / "likeness"

Variables = dict[tuple[str, str], Any]
Layout = Callable[[str, str], str]

LAYOUTS: dict[str, Layout] = {
    "weights of Keras 2": lambda layer, part: f"{layer}/{layer}/{part}:0",
    "whole model of Keras 2": lambda layer, part: f"model_weights/{layer}/{layer}/{part}:0",
    "network as a layer, Keras 2": lambda layer, part: f"model_weights/mobilenetv2_0.25_96/{layer}/{part}:0",
    "network as a layer, Keras 3": lambda layer, part: f"model_weights/mobilenetv2_0.25_96/{layer}/{part}",
}


def variables_of(path: Path) -> Variables:
    """(layer, variable without ":0") → values, in the fixture's layout."""
    with h5py.File(path) as file:
        weights = file["model_weights"]
        names = [name for layer in weights for name in weights[layer].attrs["weight_names"].astype(str)]
        return {
            (layer, part.removesuffix(":0")): weights[layer][name][()]
            for name in names
            for layer, part in [name.split("/")]
        }


def written(
    path: Path, variables: Variables, config: object = None, layout: Layout = LAYOUTS["whole model of Keras 2"]
) -> Path:
    """An .h5 of these variables; returns the path."""
    with h5py.File(path, "w") as file:
        for (layer, part), values in variables.items():
            file[layout(layer, part)] = values
        if config is not None:
            file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
    return path


def config_of(*layers: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A model_config with a network inside the model, as transfer learning gives."""
    entries = [{"class_name": kind, "config": settings} for kind, settings in layers]
    inner = {"class_name": "Functional", "config": {"layers": entries}}
    return {"class_name": "Sequential", "config": {"layers": [inner]}}


@pytest.fixture
def variables() -> Variables:
    return variables_of(SOURCE)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_tensors(name: str, variables: Variables, tmp_path: Path) -> None:
    wanted = load_file(FIXTURES / "model_w025.safetensors")
    got = source.read(written(tmp_path / "k.h5", variables, layout=LAYOUTS[name])).tensors
    assert got.keys() == wanted.keys()
    assert all(np.array_equal(got[tensor], wanted[tensor]) for tensor in wanted)


def test_the_metadata_is_keras_own(convert: Command, tmp_path: Path) -> None:
    assert convert(SOURCE, "-o", tmp_path / "m.safetensors").status == 0
    with safe_open(tmp_path / "m.safetensors", "numpy") as file:
        metadata = file.metadata()
    assert (metadata["padding"], metadata["bn_epsilon"]) == ("keras-same", "0.001")
    halves = [0.5, 0.5, 0.5]
    assert json.loads(metadata["preprocess"]) == {"mean": halves, "resize": "exact", "size": [96, 96], "std": halves}
    assert json.loads(metadata["architecture"]) == {"name": "mobilenet_v2", "num_classes": 12, "scale": 0.25}


@pytest.mark.parametrize(
    ("config", "epsilon", "size"),
    [
        (None, 1e-3, (224, 224)),
        (config_of(("InputLayer", {"batch_input_shape": [None, None, None, 3]})), 1e-3, (224, 224)),
        (config_of(("InputLayer", {"batch_shape": [None, 160, 192, 3]})), 1e-3, (160, 192)),
        (config_of(("BatchNormalization", {"epsilon": 1e-5}), ("Dense", {"units": 2})), 1e-5, (224, 224)),
    ],
)
def test_settings_are_read_where_they_are(
    config: object, epsilon: float, size: tuple[int, int], variables: Variables, tmp_path: Path
) -> None:
    file = source.read(written(tmp_path / "k.h5", variables, config))
    assert (file.bn_epsilon, file.input_size) == (epsilon, size)


@pytest.mark.parametrize("scale", [0.35, 0.5, 0.75, 1.0, 1.3, 1.4])
def test_widths_of_keras_are_those_of_paddle(scale: float) -> None:
    """Keras cuts the fraction off before it rounds, which changes none of the widths that it publishes."""
    blocks = Architecture(scale, 0).blocks[1:-1]
    keras = [make_divisible(int(width * scale)) for width in KERAS_FILTERS]
    assert [block.layers[-1].out_channels for block in blocks] == keras
    assert Architecture(scale, 0).blocks[0].layers[0].out_channels == make_divisible(32 * scale)


KERAS_FILTERS = [16, *[24] * 2, *[32] * 3, *[64] * 4, *[96] * 3, *[160] * 3, 320]


def make_divisible(v: float, divisor: int = 8) -> int:
    """_make_divisible of keras.applications.mobilenet_v2."""
    new_v = max(divisor, int(v + divisor / 2) // divisor * divisor)
    return new_v + divisor if new_v < 0.9 * v else new_v


def test_a_head_may_have_any_name_or_be_absent(variables: Variables, tmp_path: Path) -> None:
    renamed = {("logits_of_mine" if key[0] == "predictions" else key[0], key[1]): v for key, v in variables.items()}
    tensors = source.read(written(tmp_path / "renamed.h5", renamed)).tensors
    assert np.array_equal(tensors["classifier.1.weight"], variables["predictions", "kernel"])
    headless = {key: values for key, values in variables.items() if key[0] != "predictions"}
    file = source.read(written(tmp_path / "headless.h5", headless))
    assert model.build(file, model.Options(), warn=print).architecture.num_classes == 0


def test_an_optimizers_values_are_not_weights(variables: Variables, tmp_path: Path) -> None:
    path = written(tmp_path / "k.h5", variables)
    with h5py.File(path, "a") as file:
        file["optimizer_weights/Adam/Conv1/kernel/m:0"] = np.ones(3, np.float32)
        file["optimizer_weights/Adam/iter:0"] = 7
    assert len(source.read(path).tensors) == 262


@pytest.mark.parametrize(("option", "said"), [("--padding", "paddle"), ("--bn-epsilon", "1e-5")])
def test_an_option_that_contradicts_keras_is_refused(option: str, said: str, convert: Command, tmp_path: Path) -> None:
    outcome = convert(SOURCE, "-o", tmp_path / "m.safetensors", option, said)
    assert (outcome.status, one_line(outcome.stderr)) == (2, True)
    assert "contradicts the source" in outcome.stderr


def remove(variables: Variables) -> None:
    del variables["block_2_depthwise_BN", "moving_mean"]


def reshape(variables: Variables) -> None:
    variables["block_2_depthwise", "depthwise_kernel"] = variables["block_2_depthwise", "depthwise_kernel"][:, :, :8]


def other_layers(variables: Variables) -> None:
    for key in list(variables):
        variables["conv_dw_" + key[0], key[1]] = variables.pop(key)


def second_head(variables: Variables) -> None:
    variables["hidden", "kernel"] = np.ones([4, 4], np.float32)


def add_bias(variables: Variables) -> None:
    variables["Conv_1", "bias"] = np.ones([1280], np.float32)


def integers(variables: Variables) -> None:
    variables["Conv1", "kernel"] = variables["Conv1", "kernel"].astype(np.int8)


FAULTS = {
    remove: "the tensor features.3.conv.1.1._mean of shape [48] is missing",
    reshape: "the tensor features.3.conv.1.0.weight has the shape [8, 1, 3, 3], not [48, 1, 3, 3]",
    other_layers: "is no MobileNetV2: at best 0 of its 52 convolutions",
    second_head: "has the dense layers hidden and predictions, and a MobileNetV2 has one at most",
    add_bias: "the tensor Conv_1/bias of shape [1280] is no part of MobileNetV2",
    integers: "Conv1/kernel is int8, not float32",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_another_network_and_wrong_tensors_are_refused(
    fault: Callable[[Variables], None], variables: Variables, convert: Command, tmp_path: Path
) -> None:
    fault(variables)
    outcome = convert(written(tmp_path / "k.h5", variables), "-o", tmp_path / "m.safetensors")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert f"k.h5: {FAULTS[fault]}" in outcome.stderr
    assert not (tmp_path / "m.safetensors").exists()


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ("{", "is a broken or truncated HDF5 file"),
        ("[" * 100_000, "is a broken or truncated HDF5 file"),
        ("[]", "has a model_config that does not describe layers"),
        ('{"config": {"layers": [7]}}', "has a model_config that does not describe layers"),
        (config_of(("BatchNormalization", {"epsilon": 1e-3}), ("BatchNormalization", {"epsilon": 1e-5})), "epsilons"),
        (config_of(("BatchNormalization", {"epsilon": "big"})), "epsilons"),
        (config_of(("BatchNormalization", {"epsilon": [1e-3]})), "epsilons"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    config: object, fault: str, variables: Variables, convert: Command, tmp_path: Path
) -> None:
    outcome = convert(written(tmp_path / "k.h5", variables, config), "-o", tmp_path / "m.safetensors")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert fault in outcome.stderr


def elsewhere(group: Any, values: Any) -> None:
    group.create_dataset("kernel:0", values.shape, np.float32, external=[("elsewhere.bin", 0, values.nbytes)])


def packed(group: Any, values: Any) -> None:
    group.create_dataset("kernel:0", data=values, compression="gzip")


def never_written(group: Any, values: Any) -> None:
    group.create_dataset("kernel:0", values.shape, np.float32)


def virtual(group: Any, values: Any) -> None:
    layout = h5py.VirtualLayout(values.shape, np.float32)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", values.shape)
    group.create_virtual_dataset("kernel:0", layout)


@pytest.mark.parametrize("store", [elsewhere, packed, never_written, virtual])
def test_values_that_are_not_plainly_in_the_file_are_refused(
    store: Callable[[Any, Any], None], variables: Variables, convert: Command, tmp_path: Path
) -> None:
    """Another file must not be read because this one says so, nor a small file become large."""
    path = written(tmp_path / "k.h5", variables)
    with h5py.File(path, "a") as file:
        group = file["model_weights/Conv1/Conv1"]
        del group["kernel:0"]
        store(group, variables["Conv1", "kernel"])
    outcome = convert(path, "-o", tmp_path / "m.safetensors")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert "Conv1/kernel is not stored as Keras stores it" in outcome.stderr


def test_links_out_of_the_file_are_not_followed(variables: Variables, tmp_path: Path) -> None:
    path = written(tmp_path / "k.h5", variables)
    shutil.copy(path, tmp_path / "other.h5")
    with h5py.File(path, "a") as file:
        del file["model_weights/Conv1"]
        file["model_weights/Conv1"] = h5py.ExternalLink("other.h5", "model_weights/Conv1")
    assert "features.0.0.weight" not in source.read(path).tensors


def test_the_same_layer_twice_is_refused(variables: Variables, convert: Command, tmp_path: Path) -> None:
    path = written(tmp_path / "k.h5", variables)
    with h5py.File(path, "a") as file:
        file["model_weights/other/Conv1/kernel:0"] = variables["Conv1", "kernel"]
    outcome = convert(path, "-o", tmp_path / "m.safetensors")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert "has Conv1/kernel twice" in outcome.stderr


# Pictures whose maps are even all the way down, odd all the way, and both by turns.
SIZES = [(64, 64), (33, 33), (96, 70), (45, 38)]


def trace(folder: Path, size: tuple[int, int], outputs: Arrays, *options: str) -> tuple[int, Any]:
    """What `likeness trace --compare` says of the fixture, the picture p.png, and the oracle's outputs."""
    built = model.build(source.read(SOURCE), model.Options(), warn=print)
    (folder / "m.safetensors").write_bytes(model_file.encode(built.tensors, built.metadata))
    arrays = {name: np.moveaxis(values, -1, 0).astype(np.float32) for name, values in outputs.items()}
    np.savez(folder / "golden.npz", allow_pickle=False, **arrays)
    command = [LIKENESS, "trace", folder / "m.safetensors", folder / "p.png", "--compare", folder / "golden.npz"]
    size_option = f"--size={size[0]}x{size[1]}"
    done = subprocess.run([*command, size_option, "--json", *options], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.skipif(not LIKENESS.is_file(), reason="build/release/likeness is not there: parity not tested")
@pytest.mark.parametrize("size", SIZES)
def test_every_layer_within_1e_4_of_keras(size: tuple[int, int], tmp_path: Path) -> None:
    picture = drawn_picture(*size, seed=5)
    write_png(tmp_path / "p.png", picture)
    outputs = keras_oracle.run(keras_oracle.load(SOURCE), picture)
    for options, stages in [(["--backend=reference"], 159), ([], 159), (["--fused"], 22)]:
        status, compared = trace(tmp_path, size, outputs, *options)
        assert (status, compared["first_to_depart"], compared["tolerance"]) == (0, None, 1e-4)
        assert len(compared["stages"]) == stages


@pytest.mark.skipif(not LIKENESS.is_file(), reason="build/release/likeness is not there: parity not tested")
def test_one_pixel_on_every_side_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The padding of Paddle in the oracle: the first block that halves an even map departs."""
    picture = drawn_picture(64, 64, seed=5)
    write_png(tmp_path / "p.png", picture)
    monkeypatch.setattr(keras_oracle, "correct_pad", lambda _sizes: [(1, 1), (1, 1)])
    status, compared = trace(tmp_path, (64, 64), keras_oracle.run(keras_oracle.load(SOURCE), picture))
    assert (status, compared["first_to_depart"]) == (1, "features.2.conv.1.0")
