"""The integers of an int8 model: by hand on single numbers, by plain loops on a layer, and against the fixtures."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from conftest import FIXTURES
from likeness_convert import int8_file, int8_network
from likeness_convert.architecture import Architecture, ConvNorm
from likeness_convert.folding import read_metadata
from likeness_convert.int8_network import Affine, Int8Network
from likeness_convert.steps import Step

MODEL = FIXTURES / "model_w025_int8.safetensors"


def one_layer(weights: list[list[int]], scales: list[float], biases: list[float], **activations: Affine) -> Int8Network:
    """A network whose one convolution is called `c`: weights [cout][cin] of a pointwise layer."""
    return Int8Network(
        Architecture(1.0, 0),
        False,
        {"c": np.array(weights, np.int8)[:, :, None, None]},
        {"c": np.array(scales, np.float32)},
        {"c": np.array(biases, np.float32)},
        activations,
    )


def step(relu6: bool = False, residual: str | None = None, cin: int = 1, cout: int = 1) -> Step:
    return Step(ConvNorm("c", "n", cin, cout, 1, 1, 1, relu6), "x", "y", residual, ends_block=True)


def through(network: Int8Network, step: Step, x: list[int], residual: list[int] | None = None) -> list[int]:
    """The output's bytes for one pixel."""
    pixel = np.array(x, np.uint8).reshape(1, 1, 1, -1)
    other = None if residual is None else np.array(residual, np.uint8).reshape(1, 1, 1, -1)
    sums = int8_network.accumulate(network, step, pixel)
    return int8_network.requantize(network, step, sums, other).ravel().tolist()


def test_a_product_by_hand() -> None:
    # (14 - 10) * 0.5 * (3 * 0.25) + 1 = 2.5; 2.5 / 0.125 + 100 = 120
    network = one_layer([[3]], [0.25], [1.0], x=Affine(0.5, 10), y=Affine(0.125, 100))
    assert through(network, step(), [14]) == [120]


@pytest.mark.parametrize(("x", "y"), [(1, 0), (3, 2), (5, 2), (7, 4)])
def test_halves_go_to_even(x: int, y: int) -> None:
    network = one_layer([[1]], [0.5], [0.0], x=Affine(1.0, 0), y=Affine(1.0, 0))
    assert through(network, step(), [x]) == [y]


def test_a_bias_is_a_whole_number_of_the_products_unit() -> None:
    # a unit is 0.5 * 0.5; 0.375 is 1.5 units, which round to 2, and 0.125 half a unit, which rounds to 0
    network = one_layer([[0], [0]], [0.5, 0.5], [0.375, 0.125], x=Affine(0.5, 0), y=Affine(0.25, 0))
    assert through(network, step(cout=2), [0]) == [2, 0]


def test_a_huge_bias_saturates() -> None:
    network = one_layer([[0]], [1e-9], [1e9], x=Affine(1.0, 0), y=Affine(1.0, 0))
    assert int8_network.whole_biases(network, step()).tolist() == [2.0**30]


def test_relu6_clips_at_its_own_bounds() -> None:
    # 6 / 0.05 + 20 = 140, 0 is 20
    network = one_layer([[127], [-127], [1]], [1.0, 1.0, 1.0], [0.0] * 3, x=Affine(1.0, 0), y=Affine(0.05, 20))
    assert through(network, step(relu6=True, cout=3), [1]) == [140, 20, 40]
    assert through(network, step(relu6=False, cout=3), [1]) == [255, 0, 40]


def test_a_residual_is_added_in_its_own_scale() -> None:
    # 2 * 1 * 1 = 2; (7 - 3) * 0.25 = 1; (2 + 1) / 0.5 + 9 = 15
    network = one_layer([[1]], [1.0], [0.0], x=Affine(1.0, 0), y=Affine(0.5, 9), r=Affine(0.25, 3))
    assert through(network, step(residual="r"), [2], [7]) == [15]


def test_a_sum_beyond_float32s_whole_numbers_is_rounded_once() -> None:
    # 2**24 + 1 and 2**24 + 3 lie between two float32s, and go to the even one: 2**24 and 2**24 + 4, which are
    # 2**23 and 2**23 + 2 halves. Added in float32, 2**24 + 1 + 1 would stay 2**24.
    network = one_layer([[1], [1], [1]], [1.0] * 3, [2.0**24] * 3, x=Affine(1.0, 0), y=Affine(1.0, 0))
    sums = np.array([1, 2, 3], np.float32).reshape(1, 1, 1, 3)
    network = replace(network, activations={"x": Affine(1.0, 0), "y": Affine(1.0, 0), "r": Affine(1.0, 0)})
    assert (sums.astype(np.float64) + int8_network.whole_biases(network, step(cout=3))).astype(
        np.float32
    ).ravel().tolist() == [2.0**24, 2.0**24 + 2, 2.0**24 + 4]


@pytest.mark.parametrize(("weights", "exact"), [(65793, np.float32), (65794, np.float64)])
def test_sums_are_left_to_float32_where_it_is_exact(weights: int, exact: type) -> None:
    assert 65793 * 255 < 2**24 <= 65794 * 255
    assert int8_network.exact_type(np.int64(weights), 0) is exact
    assert int8_network.exact_type(np.int64(weights), 255) is exact


def test_pixels_are_quantized_by_a_float32_inverse() -> None:
    affine = Affine(float(np.float32(0.1)), 128)
    values = np.array([-100, -0.05, 0.04, 0.06, 0.25, 100], np.float32)
    assert int8_network.quantize(values, affine).tolist() == [0, 128, 128, 129, 130, 255]


def test_the_pool_is_a_mean() -> None:
    x = np.array([[1, 2], [3, 5]], np.uint8).reshape(1, 2, 2, 1)
    assert int8_network.pool(x, Affine(0.5, 1)).tolist() == [[(11 - 4) * 0.125]]


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize(("stride", "groups", "size"), [(1, 5, (4, 3)), (2, 5, (5, 4)), (2, 1, (4, 5)), (2, 1, (1, 1))])
def test_sums_are_those_of_plain_loops(same: bool, stride: int, groups: int, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    cin = cout = 5
    x = rng.integers(0, 256, (2, *size, cin)).astype(np.uint8)
    weights = rng.integers(-127, 128, (cout, cin // groups, 3, 3)).astype(np.int8)
    layer = ConvNorm("c", "n", cin, cout, 3, stride, groups, relu6=True)
    network = replace(one_layer([[0]], [1.0], [0.0], x=Affine(1.0, 7)), same=same, weights={"c": weights})
    got = int8_network.accumulate(network, Step(layer, "x", "y", None, ends_block=False), x)
    assert got.tolist() == plain_sums(x, weights, stride, same, zero=7)


def plain_sums(x: np.ndarray, weights: np.ndarray, stride: int, same: bool, zero: int) -> list[list[list[list[int]]]]:
    """[n][oh][ow][cout] in Python's integers."""
    n, height, width, cin = x.shape
    cout, each = weights.shape[:2]
    outputs = [-(-size // stride) for size in (height, width)]
    before = [1, 1]
    if same:
        before = [max((o - 1) * stride + 3 - s, 0) // 2 for o, s in zip(outputs, (height, width), strict=True)]

    def at(i: int, oy: int, ox: int, c: int) -> int:
        total = 0
        for part in range(each):
            channel = part + (c if each < cin else 0)
            for ky in range(3):
                for kx in range(3):
                    iy, ix = oy * stride + ky - before[0], ox * stride + kx - before[1]
                    if 0 <= iy < height and 0 <= ix < width:
                        total += (int(x[i, iy, ix, channel]) - zero) * int(weights[c, part, ky, kx])
        return total

    rows, columns = outputs
    return [
        [[[at(i, oy, ox, c) for c in range(cout)] for ox in range(columns)] for oy in range(rows)] for i in range(n)
    ]


@pytest.mark.parametrize("size", ["64", "53x45"])
def test_the_committed_model_gives_the_committed_bytes(size: str) -> None:
    network = int8_file.decode(MODEL.read_bytes())
    wanted = load_file(FIXTURES / "parity" / f"int8_{size}.safetensors")
    got = int8_network.run(network, np.ascontiguousarray(wanted["input"].transpose(1, 2, 0)[None]))
    assert len(got.activations) == 53
    for name, values in got.activations.items():
        assert np.array_equal(values[0].transpose(2, 0, 1), wanted[f"{name}.u8"]), name
    assert np.array_equal(got.pooled[0], wanted["pool2d_avg"])
    assert got.logits is not None
    assert np.array_equal(got.logits[0], wanted["classifier.1"])


@pytest.mark.parametrize("size", ["64", "53x45"])
def test_the_committed_model_is_near_paddles(size: str) -> None:
    paddles = load_file(FIXTURES / "parity" / f"parity_{size}.safetensors")
    ours = load_file(FIXTURES / "parity" / f"int8_{size}.safetensors")
    a, b = paddles["pool2d_avg"].ravel(), ours["pool2d_avg"]
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.95  # calibrated on quite other pictures
    assert paddles["classifier.1"].argmax() == ours["classifier.1"].argmax()


def test_the_committed_file_is_as_described() -> None:
    metadata = read_metadata(MODEL.read_bytes())
    assert (metadata["format_version"], metadata["weights_form"]) == ("2", "int8")
    quantization = json.loads(metadata["quantization"])
    assert quantization["calibration"]["pictures"] == 12
    with safe_open(MODEL, "numpy") as file:
        names = set(file.keys())
        conv = file.get_tensor("features.1.conv.0.0.weight")
    assert (conv.dtype, conv.shape) == (np.int8, (8, 1, 3, 3))
    assert len(names) == 3 * 53
    assert {name.rpartition(".")[2] for name in names} == {"weight", "scale", "bias"}
    for entry in quantization["activations"].values():
        assert 0 < entry["scale"] < 1
        assert 0 <= entry["zero"] <= 255
        assert entry["scale"] == float(np.float32(entry["scale"]))


def test_a_file_is_written_as_it_was_read() -> None:
    data = MODEL.read_bytes()
    metadata = read_metadata(data)
    calibration = json.loads(metadata["quantization"])["calibration"]
    assert int8_file.encode(int8_file.decode(data), metadata, calibration) == data
