"""Steps and nodes matched by the layers that they compute, and the network's own list of layers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from engines import network
from safetensors import safe_open

import layers

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests/fixtures/model_w025.safetensors"
ORDER = ["a", "b", "c", "d", "e"]


def side(ends: dict[str, int]) -> layers.Side:
    made = layers.Side()
    for name, end in ends.items():
        made.add(name, end, f"kernel of {name}", 10.0)
    return made


def test_rows_are_cut_where_both_sides_end():
    ours = side({"a": 0, "b": 1, "e": 4})  # c, d and e in one go
    theirs = side({"n1": 1, "n2": 2, "n3": 3, "n4": 4})  # a and b in one go
    assert layers.rows(ours, theirs) == [(1, ["a", "b"], ["n1"]), (4, ["e"], ["n2", "n3", "n4"])]


def test_every_step_and_node_is_in_one_row():
    ours, theirs = side({"a": 0, "c": 2, "e": 4}), side({"n1": 1, "n2": 4})
    table = layers.rows(ours, theirs)
    assert [name for _, steps, _ in table for name in steps] == list(ours.ends)
    assert [name for _, _, nodes in table for name in nodes] == list(theirs.ends)


@pytest.mark.parametrize(
    ("name", "parts", "place"),
    [
        ("Multiply_9150", ["Multiply_9150", "a", "b"], 1),
        ("c/WithoutBiases", ["c/WithoutBiases", "d_QuantizeLinear"], 3),
        ("x_abcd_acdb_Multiply_9150", [], None),
    ],
)
def test_last_layer_of_a_node(name: str, parts: list[str], place: int | None):
    assert layers.last_layer({"name": name, "layers": parts}, ORDER) == place


def test_markdown_marks_what_we_lose():
    ours, theirs = side({"a": 0, "b": 1}), side({"n1": 0, "n2": 1})
    ours.times["b"] = [30.0]
    text = layers.markdown("title", ORDER, ours, theirs)
    assert "| b | 30 | 10 | 0.33 | **20** |" in text
    assert text.endswith("Likeness loses most at: b by 20 µs.")


def test_network_reads_paddles_tensors_once_each():
    net = network.Network(FIXTURE)
    names = [f"{layer.conv}.weight" for layer in net.layers]
    parts = ("weight", "bias", "_mean", "_variance")
    names += [f"{layer.norm}.{part}" for layer in net.layers for part in parts]
    assert sorted([*names, "classifier.1.weight", "classifier.1.bias"]) == sorted(net.tensors)
    assert len(set(net.names())) == len(net.names())


def test_residuals_are_where_stride_and_channels_allow_them():
    """At width 0.25 the first block has 8 channels before and after, and is added to its input as well."""
    adds = [layer.add for layer in network.Network(FIXTURE).layers if layer.add]
    assert adds == [f"features.{block}" for block in (1, 3, 5, 6, 8, 9, 10, 12, 13, 15, 16)]


def test_folding_is_the_batch_norm_after_the_convolution():
    net = network.Network(FIXTURE)
    layer = net.layers[3]  # 1 x 1
    x = np.random.default_rng(1).normal(0, 1, net.tensors[f"{layer.conv}.weight"].shape[1])
    gamma, beta, mean, variance = (
        net.tensors[f"{layer.norm}.{part}"].astype(float) for part in ("weight", "bias", "_mean", "_variance")
    )
    plain = net.tensors[f"{layer.conv}.weight"][:, :, 0, 0].astype(float) @ x
    wanted = (plain - mean) / np.sqrt(variance + net.epsilon) * gamma + beta
    weight, bias = net.folded(layer)
    np.testing.assert_allclose(weight[:, :, 0, 0] @ x + bias, wanted, rtol=1e-5, atol=1e-5)


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(str(path), "numpy") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def test_random_weights_have_paddles_shapes(tmp_path: Path):
    """The fixture's are those that Paddle gives a network of width 0.25; its classifier has fewer classes."""
    path = tmp_path / "random.safetensors"
    network.write_random(path, 0.25)
    mine, paddles = shapes(path), shapes(FIXTURE)
    for wanted in (mine, paddles):
        for part in ("weight", "bias"):
            del wanted[f"classifier.1.{part}"]
    assert mine == paddles
    with safe_open(str(path), "numpy") as file:
        assert json.loads(file.metadata()["architecture"])["scale"] == 0.25
