"""docs/model_file.md: its examples run, its options and metadata are the command's."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from conftest import FIXTURES, Command
from likeness_convert import cli, source

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "model_file.md").read_text("utf-8")
EXAMPLES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_the_examples_run(convert: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for suffix in (".pdmodel", ".pdiparams", ".pdiparams.info"):
        shutil.copy(FIXTURES / f"w025{suffix}", f"Zodiac_Mobilenetv2_final{suffix}")
    shutil.copy(FIXTURES / "w025.pdparams", "weights.pdparams")
    shutil.copy(FIXTURES / "dataset_info.json", ".")
    shutil.copy(FIXTURES / "w025_keras.h5", "weights.h5")
    np.save("features.npy", np.ones([2, 12], np.float32))
    assert len(EXAMPLES) == 6
    for line in EXAMPLES:
        command, *arguments = shlex.split(line)
        assert command == "likeness-convert"
        assert convert(*arguments).status == 0, line
    assert Path("back.npy").read_bytes() == Path("features.npy").read_bytes()


def test_every_option_is_described() -> None:
    help_text = cli.convert_parser().format_help() + cli.quantize_parser().format_help()
    options = set(re.findall(r"--[a-z-]+", help_text)) - {"--help", "--version", "--output"}
    assert {option for option in options if option not in PAGE} == set()


def test_every_metadata_key_and_form_is_described() -> None:
    keys: set[str] = set()
    for name in ("model_w025", "model_w025_int8"):
        with safe_open(FIXTURES / f"{name}.safetensors", "numpy") as file:
            keys |= set(file.metadata())
    assert {key for key in keys if f"| `{key}` |" not in PAGE} == set()
    for form in (source.STATE_DICT, source.PROGRAM2, source.PROGRAM3, source.TORCH, source.KERAS):
        assert f"`{form}`" in PAGE
