"""--verify without Paddle, and the picture that it shows to the engine."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from conftest import FIXTURES, Command, one_line
from likeness_convert import verify
from likeness_convert.errors import VerifyError
from likeness_convert.picture import drawn_picture, write_png


def test_without_paddle_it_says_so(convert: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paddle", None)
    outcome = convert(FIXTURES / "w025.pdparams", "-o", tmp_path / "model.safetensors", "--verify")
    assert (outcome.status, one_line(outcome.stderr)) == (4, True)
    assert "--verify needs Paddle, which cannot be imported" in outcome.stderr
    assert (tmp_path / "model.safetensors").exists()


def test_the_picture_survives_png(tmp_path: Path) -> None:
    picture = drawn_picture(5, 9, seed=1)
    write_png(tmp_path / "p.png", picture)
    data = (tmp_path / "p.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (9, 5)
    size = struct.unpack(">I", data[33:37])[0]
    rows = np.frombuffer(zlib.decompress(data[41 : 41 + size]), np.uint8).reshape(5, 28)
    assert np.array_equal(rows[:, 1:].reshape(5, 9, 3), picture)
    assert not rows[:, 0].any()


def write_engine(path: Path, script: str) -> str:
    """A stand-in for the likeness command: a shell script that gets `trace MODEL PICTURE -o FOLDER`."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_an_engine_that_fails_is_reported(tmp_path: Path) -> None:
    picture = drawn_picture(4, 4, seed=1)
    failing = write_engine(tmp_path / "likeness", "echo likeness: no such layer >&2; exit 5")
    with pytest.raises(VerifyError, match="trace fails: likeness: no such layer"):
        verify.trace(failing, tmp_path / "m", picture, {"pool2d_avg"})
    silent = write_engine(tmp_path / "silent", "exit 0")
    with pytest.raises(VerifyError, match="has written no pool2d_avg"):
        verify.trace(silent, tmp_path / "m", picture, {"pool2d_avg"})
    with pytest.raises(VerifyError, match="cannot be run: No such file"):
        verify.trace(str(tmp_path / "gone"), tmp_path / "m", picture, {"pool2d_avg"})


def test_an_engines_trace_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "pooled.npy", np.arange(3, dtype=np.float32).reshape(1, 1, 3))
    engine = write_engine(tmp_path / "likeness", f'mkdir -p "$5"; cp "{tmp_path}/pooled.npy" "$5/pool2d_avg.npy"')
    traced = verify.trace(engine, tmp_path / "m", drawn_picture(4, 4, seed=1), {"pool2d_avg"})
    assert traced["pool2d_avg"].tolist() == [0, 1, 2]


def test_a_difference_that_is_nan_is_no_agreement(capsys: pytest.CaptureFixture[str]) -> None:
    nan = {"pool2d_avg": np.array([np.nan], np.float32)}
    zero = {"pool2d_avg": np.zeros(1, np.float32)}
    assert not verify.compare("x", nan, zero)["pool2d_avg"] <= verify.LIMIT
    assert "largest difference nan" in capsys.readouterr().out
