"""`likeness-convert quantize`: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from conftest import FIXTURES, SHARED, Command, one_line
from likeness_convert import int8_file, int8_network
from likeness_convert.folding import read_metadata
from likeness_convert.picture import drawn_picture, write_png

MODEL = FIXTURES / "model_w025.safetensors"
ROOT = FIXTURES.parents[1]
ENGINE = ROOT / "build" / "release" / "likeness"

needs_engine = pytest.mark.skipif(not ENGINE.is_file(), reason="build/release/likeness is not built")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A list of three drawn pictures beside it."""
    names = [f"{seed}.png" for seed in range(3)]
    for seed, name in enumerate(names):
        write_png(tmp_path / name, drawn_picture(40, 50, seed))
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{name}\t{seed}\n" for seed, name in enumerate(names)))
    return path


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A stand-in for likeness that gives an input of 32 x 32 for every picture; `bad` is none."""
    values = np.random.default_rng(1).uniform(-2, 2, [32, 32, 3]).astype(np.float32)
    np.save(tmp_path / "input.npy", values)
    path = tmp_path / "engine"
    path.write_text(
        '#!/bin/sh\n[ "$1" = trace ] && [ "$3" = -o ] && [ "$5" = -- ] || exit 2\n'
        'case "$7" in *bad*) echo "likeness trace: $7: is no picture" >&2; exit 14;; esac\n'
        f'mkdir -p "$4" && cp "{tmp_path}/input.npy" "$4/input.npy"\n'
    )
    path.chmod(0o755)
    return path


@needs_engine
def test_the_same_pictures_give_the_same_bytes(convert: Command, pictures: Path, tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        output = tmp_path / name
        outcome = convert("quantize", MODEL, "--images", pictures, "-o", output, "--likeness", ENGINE)
        assert (outcome.status, outcome.stderr) == (0, "")
        assert outcome.stdout.startswith("int8 beside float32 on 3 pictures: the same class in ")
        written.append(output.read_bytes())
    assert written[0] == written[1]
    metadata = read_metadata(written[0])
    calibration = json.loads(metadata["quantization"])["calibration"]
    assert calibration["pictures"] == 3
    assert len(calibration["sha256"]) == 64


def test_the_output_lies_beside_the_model(
    convert: Command, pictures: Path, engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.safetensors").write_bytes(MODEL.read_bytes())
    (tmp_path / "likeness").symlink_to(engine)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    outcome = convert("quantize", tmp_path / "net.safetensors", "--images", pictures)
    assert (outcome.status, outcome.stderr) == (0, "")
    network = int8_file.decode((tmp_path / "net_int8.safetensors").read_bytes())
    assert int8_network.run(network, np.load(tmp_path / "input.npy")[None]).pooled.shape == (1, 1280)


@pytest.mark.parametrize("padding", ["paddle", "keras-same"])
def test_a_model_without_classifier(padding: str, convert: Command, pictures: Path, engine: Path) -> None:
    model = pictures.with_name("features.safetensors")
    convert(FIXTURES / "w025.pdparams", "-o", model, "--drop-classifier", "--padding", padding)
    outcome = convert("quantize", model, "--images", pictures, "--likeness", engine)
    assert outcome.status == 0
    assert outcome.stdout.startswith("int8 beside float32 on 3 pictures: pooled cosine ")
    network = int8_file.decode(model.with_name("features_int8.safetensors").read_bytes())
    assert network.same == (padding == "keras-same")
    assert "classifier.1" not in network.weights


@pytest.mark.parametrize(
    ("options", "entry"),
    [
        (["--method", "percentile", "--percentile", "99.5"], {"method": "percentile", "percentile": 99.5}),
        (["--method", "mse", "--no-bias-correction"], {"method": "mse", "bias_correction": False}),
        (["--equalize", "--pictures", "2"], {"equalization": True, "pictures": 2}),
    ],
)
def test_the_options_are_in_the_file(
    options: list[str], entry: dict[str, object], convert: Command, pictures: Path, engine: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.safetensors"
    outcome = convert("quantize", MODEL, "--images", pictures, "-o", output, "--likeness", engine, *options)
    assert outcome.status == 0
    calibration = json.loads(read_metadata(output.read_bytes())["quantization"])["calibration"]
    assert calibration | entry == calibration
    assert ("percentile" in calibration) == ("percentile" in options)


def test_a_picture_that_cannot_be_read_is_left_out(convert: Command, pictures: Path, engine: Path) -> None:
    (pictures.parent / "bad.png").write_bytes(b"no picture")
    pictures.write_text("0.png\nbad.png 3\ngone.png\t4\nsub\\1.png\n")
    (pictures.parent / "sub").mkdir()
    (pictures.parent / "1.png").rename(pictures.parent / "sub" / "1.png")
    outcome = convert("quantize", MODEL, "--images", pictures, "-o", pictures.with_name("o"), "--likeness", engine)
    assert outcome.status == 0
    assert "on 2 pictures" in outcome.stdout
    lines = outcome.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("bad.png: is no picture; left out")
    assert lines[1] == "likeness-convert: gone.png: No such file or directory; left out"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is a list without pictures"),
        (b"\n \n", "is a list without pictures"),
        (b"gone.png\n", "has no picture that could be read"),
        (b"\x89PNG\r\n", "is a picture, not a list"),
        (b"a\0.png\n", "is no list of pictures: it holds a byte of 0"),
        (b"x" * 5000, "has no picture that could be read"),
        (b"\xe9.png\n", "is no list of pictures: it is not UTF-8"),
    ],
)
def test_a_list_without_pictures_is_refused(
    content: bytes, fault: str, convert: Command, engine: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    output = tmp_path / "out.safetensors"
    outcome = convert("quantize", MODEL, "--images", tmp_path / "list.txt", "-o", output, "--likeness", engine)
    assert outcome.status == 1
    assert one_line(outcome.stderr.splitlines(keepends=True)[-1])
    assert f"list.txt: {fault}" in outcome.stderr
    assert not output.exists()


def refusal(convert: Command, *arguments: object) -> tuple[int, str]:
    """Status and fault of a run that must fail in one line."""
    outcome = convert("quantize", *arguments)
    assert one_line(outcome.stderr)
    return outcome.status, outcome.stderr


def test_an_int8_model_is_refused(convert: Command, pictures: Path, engine: Path) -> None:
    int8 = FIXTURES / "model_w025_int8.safetensors"
    status, fault = refusal(convert, int8, "--images", pictures, "--likeness", engine)
    assert status == 1
    assert "is an int8 model already" in fault


def test_what_is_no_model_is_refused(convert: Command, pictures: Path, engine: Path) -> None:
    status, fault = refusal(convert, pictures, "--images", pictures, "--likeness", engine)
    assert status == 1
    assert "list.txt: is no model file" in fault
    status, fault = refusal(convert, pictures.parent, "--images", pictures, "--likeness", engine)
    assert (status, "is a folder" in fault) == (1, True)


def test_without_likeness_it_says_so(
    convert: Command, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, fault = refusal(convert, MODEL, "--images", pictures, "--likeness", tmp_path / "gone")
    assert (status, "gone is no command" in fault) == (1, True)
    monkeypatch.setenv("PATH", str(tmp_path))
    status, fault = refusal(convert, MODEL, "--images", pictures)
    assert (status, "no likeness command on the PATH" in fault) == (1, True)


def test_a_contradiction_is_wrong_usage(convert: Command, pictures: Path, engine: Path, tmp_path: Path) -> None:
    images = ("--images", pictures, "--likeness", engine)
    assert refusal(convert, MODEL, *images, "--percentile", "99")[0] == 2
    assert refusal(convert, MODEL, *images, "--method", "percentile", "--percentile", "20")[0] == 2
    assert refusal(convert, MODEL, *images, "--pictures", "0")[0] == 2
    assert refusal(convert, MODEL)[0] == 2
    (tmp_path / "m").write_bytes(MODEL.read_bytes())
    status, fault = refusal(convert, tmp_path / "m", *images, "-o", tmp_path / "m")
    assert (status, "would be overwritten" in fault) == (2, True)


@needs_engine
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not there: full-size models not quantized")
def test_the_full_size_model_agrees(convert: Command, tmp_path: Path) -> None:
    model = tmp_path / "imagenet.safetensors"
    convert(SHARED / "models" / "mobilenetv2_imagenet.pdparams", "-o", model)
    lines = (SHARED / "photos" / "trainval.txt").read_text().splitlines()[:8]
    (tmp_path / "list.txt").write_text("".join(f"{SHARED}/photos/{line}\n" for line in lines))
    outcome = convert("quantize", model, "--images", tmp_path / "list.txt", "--likeness", ENGINE)
    assert outcome.status == 0
    assert float(outcome.stdout.split("pooled cosine ")[1].split()[0]) > 0.98
