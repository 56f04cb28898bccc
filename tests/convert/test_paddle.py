"""Paddle itself as the judge, where it is installed: widths, warnings, --verify."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy.random  # noqa: F401  before Paddle 2.6, which trips over it otherwise
import pytest
from safetensors.numpy import load_file

from conftest import FIXTURES, Command
from likeness_convert import verify
from likeness_convert.architecture import PUBLISHED_SCALES, Architecture
from likeness_convert.model import skip_warnings

paddle: Any = pytest.importorskip("paddle", reason="Paddle is not installed: nothing to compare with")
IS_PADDLE_2 = paddle.__version__.startswith("2.")


def verified_sources() -> list[str]:
    program = ["w025.pdmodel", "w025"] if IS_PADDLE_2 else ["w025_p3.json", "w025_p3"]
    return ["w025.pdparams", "w025_p3.pdparams", *program]


@pytest.mark.parametrize("scale", [*PUBLISHED_SCALES, 0.6, 0.93, 2.0])
@pytest.mark.parametrize("num_classes", [0, 12])
def test_names_and_shapes_are_paddles(scale: float, num_classes: int) -> None:
    network = paddle.vision.models.mobilenet_v2(scale=scale, num_classes=num_classes)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert Architecture(scale, num_classes).tensor_shapes() == wanted


def test_the_warnings_are_paddles() -> None:
    state = load_file(FIXTURES / "model_w025.safetensors")
    network = paddle.vision.models.mobilenet_v2(scale=0.25, num_classes=1280)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network.set_state_dict(state)
    lines = [str(warning.message) for warning in caught if "Skip loading" in str(warning.message)]
    assert skip_warnings(Architecture(0.25, 12), 1280) == lines


def test_the_warnings_for_a_missing_classifier_are_paddles() -> None:
    state = {name: array for name, array in load_file(FIXTURES / "model_w025.safetensors").items() if name[0] == "f"}
    network = paddle.vision.models.mobilenet_v2(scale=0.25, num_classes=12)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network.set_state_dict(state)
    lines = [str(warning.message) for warning in caught if "Skip loading" in str(warning.message)]
    assert skip_warnings(Architecture(0.25, 0), 12) == lines


@pytest.mark.parametrize("name", verified_sources())
def test_verify_finds_no_difference(name: str, convert: Command, tmp_path: Path) -> None:
    outcome = convert(FIXTURES / name, "-o", tmp_path / "model.safetensors", "--verify")
    assert outcome.status == 0
    assert "classifier.1: largest difference 0 (Paddle, from the source)\n" in outcome.stdout


def test_verify_with_keras_padding(convert: Command, tmp_path: Path) -> None:
    options = ["--padding", "keras-same", "--bn-epsilon", "0.001", "--verify"]
    assert convert(FIXTURES / "w025.pdparams", "-o", tmp_path / "model.safetensors", *options).status == 0


def test_verify_finds_a_wrong_weight(convert: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network that is built from the written file gets one weight wrong."""
    original = verify.Network.__init__

    def spoiled(self: Any, paddle: Any, model: Path) -> None:
        original(self, paddle, model)
        bias = self.layers.features[3].conv[3].bias
        bias.set_value(bias + 0.01)

    monkeypatch.setattr(verify.Network, "__init__", spoiled)
    outcome = convert(FIXTURES / "w025.pdparams", "-o", tmp_path / "model.safetensors", "--verify")
    assert outcome.status == 4
    assert "more than 0.0001" in outcome.stderr


@pytest.mark.parametrize("name", ["w025_torch.pth", "w025_keras.h5"])
def test_verify_refuses_what_paddle_cannot_read(name: str, convert: Command, tmp_path: Path) -> None:
    outcome = convert(FIXTURES / name, "-o", tmp_path / "model.safetensors", "--verify")
    assert outcome.status == 4
    assert "--verify needs a source that Paddle reads" in outcome.stderr
