"""Widths and scales. The widths are those that Paddle 2.6.2 builds; test_paddle.py asks Paddle itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from conftest import Arrays, Command, one_line, random_state, save_state
from likeness_convert.architecture import Architecture, make_divisible, scale_of

# scale → channels of features.0, of the seven groups of blocks, and of features.18
WIDTHS = {
    0.25: [8, 8, 8, 8, 16, 24, 40, 80, 1280],
    0.35: [16, 8, 8, 16, 24, 32, 56, 112, 1280],
    0.5: [16, 8, 16, 16, 32, 48, 80, 160, 1280],
    0.75: [24, 16, 24, 24, 48, 72, 120, 240, 1280],
    1.0: [32, 16, 24, 32, 64, 96, 160, 320, 1280],
    1.3: [40, 24, 32, 40, 80, 128, 208, 416, 1664],
    1.4: [48, 24, 32, 48, 88, 136, 224, 448, 1792],
}
FIRST_OF_GROUP = (0, 1, 2, 4, 7, 11, 14, 17, 18)


@pytest.mark.parametrize("scale", WIDTHS)
def test_widths(scale: float) -> None:
    blocks = Architecture(scale, 0).blocks
    assert [blocks[index].layers[-1].out_channels for index in FIRST_OF_GROUP] == WIDTHS[scale]


@pytest.mark.parametrize("scale", WIDTHS)
@pytest.mark.parametrize("num_classes", [0, 1, 12])
def test_every_scale_converts(scale: float, num_classes: int, convert: Command, tmp_path: Path) -> None:
    state = save_state(tmp_path / "state.pdparams", random_state(scale, num_classes))
    output = tmp_path / "model.safetensors"
    assert convert(state, "-o", output).status == 0
    with safe_open(output, "numpy") as file:
        architecture = json.loads(file.metadata()["architecture"])
    assert architecture == {"name": "mobilenet_v2", "num_classes": num_classes, "scale": scale}


def test_a_scale_that_nobody_published_is_found() -> None:
    shapes = Architecture(0.6, 0).tensor_shapes()
    assert Architecture(scale_of(shapes), 0).tensor_shapes() == shapes


def test_the_study_network_counts_2273356_parameters() -> None:
    shapes = Architecture(1.0, 12).tensor_shapes()
    counts = {name: product(shape) for name, shape in shapes.items()}
    statistics = sum(count for name, count in counts.items() if "._" in name)
    assert (sum(counts.values()), statistics) == (2_273_356, 34_112)


def product(shape: tuple[int, ...]) -> int:
    result = 1
    for size in shape:
        result *= size
    return result


def test_a_width_is_never_rounded_down_by_more_than_a_tenth() -> None:
    for channels in range(8, 2000):
        width = make_divisible(channels * 0.99)
        assert width % 8 == 0
        assert width >= 0.9 * channels * 0.99


def remove(state: Arrays) -> None:
    del state["features.3.conv.1.1._mean"]


def add(state: Arrays) -> None:
    state["features.3.conv.9.weight"] = state["features.3.conv.1.1._mean"]


def reshape(state: Arrays) -> None:
    state["features.3.conv.1.0.weight"] = state["features.3.conv.1.0.weight"][:8]


def transpose(state: Arrays) -> None:
    state["classifier.1.weight"] = state["classifier.1.weight"].T


def poison(state: Arrays) -> None:
    state["features.3.conv.1.0.weight"][5, 0, 1, 1] = float("nan")


def overflow(state: Arrays) -> None:
    state["classifier.1.bias"][3] = float("-inf")


def negate(state: Arrays) -> None:
    state["features.18.1._variance"][7] = -0.5


def halve(state: Arrays) -> None:
    del state["classifier.1.bias"]


FAULTS = {
    remove: "the tensor features.3.conv.1.1._mean of shape [48] is missing",
    add: "the tensor features.3.conv.9.weight of shape [48] is no part of MobileNetV2",
    reshape: "the tensor features.3.conv.1.0.weight has the shape [8, 1, 3, 3], not [48, 1, 3, 3]",
    transpose: "the tensor classifier.1.weight has the shape [12, 1280], not [1280, 1280]",
    poison: "the tensor features.3.conv.1.0.weight of shape [48, 1, 3, 3] has 1 values NaN or infinite",
    overflow: "the tensor classifier.1.bias of shape [12] has 1 values NaN or infinite",
    negate: "the tensor features.18.1._variance has the negative variance -0.5",
    halve: "the tensor classifier.1.bias of shape [12] is missing",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_tensor_that_is_wrong_is_named(fault, convert: Command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    state = random_state()
    fault(state)
    outcome = convert(save_state(tmp_path / "s.pdparams", state), "-o", tmp_path / "model.safetensors")
    assert outcome.status == 1
    assert one_line(outcome.stderr)
    assert outcome.stderr.endswith(f"s.pdparams: {FAULTS[fault]}\n")
    assert not (tmp_path / "model.safetensors").exists()


def test_another_network_is_refused(convert: Command, tmp_path: Path) -> None:
    state = {f"module.{name}": array for name, array in random_state().items()}
    outcome = convert(save_state(tmp_path / "s.pdparams", state), "-o", tmp_path / "model.safetensors")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert "is no MobileNetV2: at best 0 of its 52 convolutions" in outcome.stderr
