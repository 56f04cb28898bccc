"""Quantization's parts: folding, equalization, ranges, weights, biases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from conftest import FIXTURES, random_state
from likeness_convert import float_network, folding, int8_network, model_file, quantize
from likeness_convert.equalize import equalize, factors
from likeness_convert.errors import ConvertError
from likeness_convert.folding import Folded
from likeness_convert.picture import drawn_picture
from likeness_convert.ranges import METHODS, Histogram, affine, choose
from likeness_convert.steps import steps_of

MODEL = FIXTURES / "model_w025.safetensors"


@pytest.fixture(scope="module")
def network() -> Folded:
    return folding.read(MODEL)


def drawn_inputs(network: Folded, count: int, size: int = 64) -> np.ndarray:
    """Normalized inputs [count, size, size, 3]."""
    mean, std = (np.array(network.preprocess[key], np.float32) for key in ("mean", "std"))
    pixels = np.stack([drawn_picture(size, size, seed) for seed in range(count)])
    return (pixels.astype(np.float32) / np.float32(255) - mean) / std


def outputs(network: Folded, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Every activation, and `logits`."""
    seen: dict[str, np.ndarray] = {}
    _pooled, logits = float_network.run(network, pixels, lambda name, y: seen.update({name: y.copy()}), ignore)
    return seen if logits is None else seen | {"logits": logits}


def ignore(_name: str, _values: np.ndarray) -> None:
    """Sees nothing."""


def test_folding_by_hand() -> None:
    state = random_state()
    for part, value in (("weight", 3.0), ("bias", 5.0), ("_mean", 0.5), ("_variance", 3.0)):
        state[f"features.0.1.{part}"][:] = value
    state["features.0.0.weight"][:] = 7.0
    metadata = folding.read_metadata(MODEL.read_bytes()) | {"bn_epsilon": "1.0"}
    folded = folding.decode(model_file.encode(state, metadata))
    assert np.unique(folded.weights["features.0.0"]).tolist() == [10.5]  # 7 * 3 / sqrt(3 + 1)
    assert np.unique(folded.biases["features.0.0"]).tolist() == [4.25]  # 5 - 0.5 * 1.5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_weights_are_read(dtype: str, network: Folded) -> None:
    data = model_file.encode(load_file(MODEL), folding.read_metadata(MODEL.read_bytes()), dtype)
    narrow = folding.decode(data).weights["classifier.1"]
    assert np.allclose(narrow, network.weights["classifier.1"], rtol=2**-8, atol=1e-7)


@pytest.mark.parametrize(("prefix", "padding"), [("", "paddle"), ("same.", "keras-same")])
@pytest.mark.parametrize("size", ["64", "53x45"])
def test_the_float_network_is_paddles(size: str, prefix: str, padding: str, network: Folded) -> None:
    wanted = load_file(FIXTURES / "parity" / f"parity_{size}.safetensors")
    padded = replace(network, metadata=network.metadata | {"padding": padding})
    got = outputs(padded, wanted["input"].transpose(1, 2, 0)[None])
    checked = 0
    for name, values in got.items():
        paddles = wanted.get(prefix + ("classifier.1" if name == "logits" else name))
        if paddles is not None:
            ours = values.reshape(-1, values.shape[-1]).T.reshape(paddles.shape)
            assert np.abs(ours - paddles).max() < 1e-4 * max(1, np.abs(paddles).max()), name
            checked += 1
    assert checked >= 13


def test_equalization_changes_nothing_but_powers_of_two(network: Folded) -> None:
    pixels = drawn_inputs(network, 2)
    before = outputs(network, pixels)
    largest = {name: y.reshape(-1, y.shape[-1]).max(axis=0) for name, y in before.items()}
    equal = equalize(network, largest)
    after = outputs(equal, pixels)
    changed = 0
    for step in steps_of(network.architecture):
        factor = factors(largest[step.output]) if not step.ends_block else np.float32(1)
        assert np.array_equal(after[step.output], before[step.output] * factor), step.output
        changed += int(np.count_nonzero(factor != 1))
    assert changed > 20
    assert np.array_equal(after["logits"], before["logits"])


@pytest.mark.parametrize("values", [[0.0], [-1.0, 3.0], [0.0, 6.0], [-7.0, -2.0], [5.0, 5.5], [1e-3, -1e3]])
@pytest.mark.parametrize("method", METHODS)
def test_zero_is_exact_and_the_range_holds_it(method: str, values: list[float]) -> None:
    seen = Histogram()
    seen.add(np.array(values, np.float32))
    got = choose(seen, method, 99.9)
    assert got.scale > 0
    assert 0 <= got.zero <= 255
    assert got.scale == float(np.float32(got.scale))
    assert int8_network.quantize(np.zeros(1, np.float32), got).tolist() == [got.zero]


def test_minmax_reaches_both_ends() -> None:
    got = affine(-1.0, 4.0)
    assert (got.zero, got.scale) == (51, float(np.float32(5 / 255)))
    assert affine(1.0, 5.1).zero == 0
    assert affine(-5.1, -1.0).zero == 255
    assert affine(0.0, 0.0) == affine(0.0, 1e-42) == int8_network.Affine(1.0, 0)


def test_a_percentile_cuts_that_much_off() -> None:
    seen = Histogram()
    seen.add(np.linspace(-1, 3, 100_001, dtype=np.float32))
    got = choose(seen, "percentile", 99.0)
    assert got.scale * 255 == pytest.approx(3.92, abs=0.002)
    assert got.zero == round(0.96 / got.scale)
    seen.add(np.array([1000.0], np.float32))  # an outlier moves the largest value alone
    assert choose(seen, "percentile", 99.0).scale * 255 == pytest.approx(3.92, abs=0.3)
    assert choose(seen, "minmax", 0).scale * 255 == pytest.approx(1001)


def test_least_squares_gives_up_an_outlier_but_not_the_crowd() -> None:
    seen = Histogram()
    crowd = np.random.default_rng(1).uniform(0, 1, 1_000_000).astype(np.float32)
    seen.add(crowd)
    assert choose(seen, "mse", 0).scale * 255 > 0.97
    seen.add(np.array([3.0], np.float32))  # least (3 - h)^2 + n * (h / 255)^2 / 12
    assert choose(seen, "mse", 0).scale * 255 == pytest.approx(3 / (1 + len(crowd) / (12 * 255**2)), abs=0.03)


def test_a_histogram_grows_without_losing_count() -> None:
    seen = Histogram()
    for reach in (0.5, 3.0, 100.0, 0.001):
        seen.add(np.array([reach, -reach], np.float32))
    assert seen.counts.sum() == 8
    assert seen.reach == 128
    filled = np.flatnonzero(seen.counts)
    assert seen.centres()[filled[0]] == pytest.approx(-100, abs=0.05)


def test_values_that_are_infinite_are_refused() -> None:
    with pytest.raises(ConvertError, match="infinite or NaN"):
        Histogram().add(np.array([np.inf], np.float32))


def test_each_channels_largest_weight_becomes_127(network: Folded) -> None:
    activations = {step.output: affine(0, 6) for step in steps_of(network.architecture)}
    activations |= {"input": affine(-2, 2), "pool2d_avg": affine(0, 6)}
    got = quantize.with_weights(network, activations)
    for name, whole in got.weights.items():
        rows = whole.T if name == "classifier.1" else whole.reshape(len(whole), -1)
        floats = network.weights[name]
        floats = floats.T if name == "classifier.1" else floats.reshape(len(floats), -1)
        assert np.abs(rows.astype(int)).max(axis=1).tolist() == [127] * len(rows)
        assert np.all(np.abs(rows * got.scales[name][:, None] - floats) <= got.scales[name][:, None] * 0.5001)


def test_a_channel_without_weights_keeps_its_bias() -> None:
    rows, bias = np.array([[0, 0], [1e-12, 0], [0, 0]], np.float32), np.array([0.7, 0.7, 0], np.float32)
    scales = quantize.weight_scales(rows, bias, 0.02)
    assert scales[2] == 1
    whole = np.rint(bias[:2] / (0.02 * scales[:2].astype(np.float64)))
    assert np.all(whole < 2**30)
    assert np.allclose(whole * 0.02 * scales[:2], bias[:2], rtol=1e-5)


def test_bias_correction_brings_the_means_back(network: Folded) -> None:
    inputs = drawn_inputs(network, 6)
    means = {}
    for corrects in (False, True):
        options = quantize.Options(correct_biases=corrects)
        quantized, _agreement = quantize.quantize(network, inputs, options)
        means[corrects] = int8_network.run(quantized, inputs).pooled.mean(axis=0)
    wanted = outputs(network, inputs)["pool2d_avg"].mean(axis=0)
    assert np.abs(means[True] - wanted).mean() < 0.7 * np.abs(means[False] - wanted).mean()


def test_the_same_input_gives_the_same_network(network: Folded) -> None:
    inputs = drawn_inputs(network, 5)
    first, second = (quantize.quantize(network, inputs, quantize.Options())[0] for _ in range(2))
    assert first.activations == second.activations
    assert all(np.array_equal(first.biases[name], second.biases[name]) for name in first.biases)


def test_relu6s_range_never_passes_6(network: Folded) -> None:
    quantized, _agreement = quantize.quantize(network, drawn_inputs(network, 2) * 5, quantize.Options())
    relu6 = [step.output for step in steps_of(network.architecture) if step.layer.relu6]
    assert all(quantized.activations[name].zero == 0 for name in relu6)
    assert max(quantized.activations[name].scale for name in relu6) == float(np.float32(6 / 255))


def test_the_pictures_of_bias_correction_fit_into_memory(network: Folded, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = drawn_inputs(network, 9)
    monkeypatch.setattr(quantize, "MEMORY", 48 * 32 * 32 * 5)  # the widest map, 48 channels of 32 x 32, five times
    assert quantize.correction_count(network, inputs) == 5
    _quantized, agreement = quantize.quantize(network, inputs, quantize.Options())
    assert agreement.pictures == 5


def test_where_the_float_file_is_broken(tmp_path: Path) -> None:
    data = MODEL.read_bytes()
    for broken in (data[:100], data[:-5], b"", b"\xff" * 50, data.replace(b'"F32"', b'"I32"', 1)):
        path = tmp_path / "m.safetensors"
        path.write_bytes(broken)
        with pytest.raises(ConvertError):
            folding.read(path)
