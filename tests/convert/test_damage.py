"""Truncated and bit-flipped files: a fault of ours with the file's name, or a model; never anything else."""

from __future__ import annotations

import json
import random
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from conftest import FIXTURES, Command, one_line
from likeness_convert import model, program3, source
from likeness_convert.errors import ConvertError

FORMS = {
    "w025.pdparams": ["w025.pdparams"],
    "w025_p3.pdparams": ["w025_p3.pdparams"],
    "w025.pdmodel": ["w025.pdmodel", "w025.pdiparams", "w025.pdiparams.info"],
    "w025_p3.json": ["w025_p3.json", "w025_p3.pdiparams"],
    "w025_torch.pth": ["w025_torch.pth"],
    "w025_keras.h5": ["w025_keras.h5"],
}
FILES = [(form, name) for form, names in FORMS.items() for name in names]
TRUNCATIONS, FLIPS = 20, 40


def copy_form(form: str, folder: Path) -> None:
    for name in FORMS[form]:
        shutil.copy(FIXTURES / name, folder)


def fault_of(path: Path) -> str | None:
    """What is wrong with the source, or None. Any other exception than ours fails the test."""
    try:
        model.build(source.read(path), model.Options(), warn=lambda _line: None)
    except ConvertError as error:
        return str(error)
    return None


@pytest.mark.parametrize(("form", "victim"), FILES)
def test_a_truncated_file_is_refused(form: str, victim: str, tmp_path: Path) -> None:
    copy_form(form, tmp_path)
    whole = (tmp_path / victim).read_bytes()
    rng = random.Random(victim)
    lengths = [0, 1, 7, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(TRUNCATIONS))]
    for length in lengths:
        (tmp_path / victim).write_bytes(whole[:length])
        assert fault_of(tmp_path / form) is not None, f"{victim} of {length} bytes"


@pytest.mark.parametrize(("form", "victim"), FILES)
def test_a_flipped_bit_never_crashes(form: str, victim: str, tmp_path: Path) -> None:
    copy_form(form, tmp_path)
    whole = (tmp_path / victim).read_bytes()
    rng = random.Random(victim)
    for attempt in range(FLIPS):
        damaged = bytearray(whole)
        # Structure lies at the ends; most bytes in between are weights.
        zone = len(whole) if attempt % 4 == 0 else min(len(whole), 4000)
        position = rng.randrange(zone) if attempt % 4 < 3 else len(whole) - 1 - rng.randrange(zone)
        damaged[position] ^= 1 << rng.randrange(8)
        (tmp_path / victim).write_bytes(damaged)
        fault_of(tmp_path / form)  # may be None: a weight's last bit says nothing


def test_an_h5_address_that_no_file_has_is_refused(tmp_path: Path) -> None:
    damaged = bytearray((FIXTURES / "w025_keras.h5").read_bytes())
    damaged[48:56] = b"\x7f" * 8  # the superblock's driver information
    (tmp_path / "w025_keras.h5").write_bytes(damaged)
    assert "is a broken or truncated HDF5 file" in str(fault_of(tmp_path / "w025_keras.h5"))


def test_a_truncated_file_is_one_line_on_stderr(convert: Command, tmp_path: Path) -> None:
    for form, victim in FILES:
        copy_form(form, tmp_path)
        (tmp_path / victim).write_bytes((FIXTURES / victim).read_bytes()[:3000])
        outcome = convert(tmp_path / form, "-o", tmp_path / "model.safetensors")
        assert outcome.status == 1
        assert one_line(outcome.stderr)
        assert str(tmp_path / victim) in outcome.stderr
        assert not (tmp_path / "model.safetensors").exists()
        copy_form(form, tmp_path)


@pytest.mark.parametrize("size", [-1, 0x7FFF_FFFF])
def test_a_record_that_claims_a_huge_description_is_refused(size: int, tmp_path: Path) -> None:
    copy_form("w025.pdmodel", tmp_path)
    record = bytearray((FIXTURES / "w025.pdiparams").read_bytes())
    record[16:20] = struct.pack("<i", size)
    (tmp_path / "w025.pdiparams").write_bytes(record)
    assert f"is truncated: {size} bytes are wanted" in str(fault_of(tmp_path / "w025.pdmodel"))


def test_a_record_that_claims_levels_without_end_is_refused(tmp_path: Path) -> None:
    copy_form("w025.pdmodel", tmp_path)
    record = bytearray((FIXTURES / "w025.pdiparams").read_bytes())
    record[4:12] = struct.pack("<Q", 2**63)
    (tmp_path / "w025.pdiparams").write_bytes(record)
    assert "is truncated" in str(fault_of(tmp_path / "w025.pdmodel"))


def operations(document: Any) -> Any:
    return document["program"]["regions"][0]["blocks"][0]["ops"]


@pytest.fixture
def program() -> Any:
    return json.loads((FIXTURES / "w025_p3.json").read_bytes())


@pytest.mark.parametrize("junk", [None, 7, -1, "x", [], {}, [[]], {"#": "p"}, 1e300, True])
def test_junk_anywhere_in_a_paddle_3_program_is_refused_or_harmless(junk: object, program: Any, tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "w025_p3.pdiparams", tmp_path)
    text = json.dumps(program)
    for index, key in [(0, "A"), (0, "O"), (0, "#"), (262, "O"), (263, "A"), (263, "I"), (264, "O"), (264, "#")]:
        damaged = json.loads(text)
        operations(damaged)[index][key] = junk
        (tmp_path / "w025_p3.json").write_text(json.dumps(damaged))
        fault_of(tmp_path / "w025_p3.json")


@pytest.mark.parametrize("junk", [None, 7, "x", [], [[["x"]]], {"a": 1}, -1.5])
def test_junk_in_an_attribute_is_refused_or_harmless(junk: object, program: Any, tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "w025_p3.pdiparams", tmp_path)
    text = json.dumps(program)
    for index in (263, 264, 266):
        for attribute in range(len(operations(program)[index]["A"])):
            damaged = json.loads(text)
            operations(damaged)[index]["A"][attribute]["AT"]["D"] = junk
            (tmp_path / "w025_p3.json").write_text(json.dumps(damaged))
            fault_of(tmp_path / "w025_p3.json")


def test_json_nested_without_end_is_refused() -> None:
    with pytest.raises(ConvertError, match="nested too deeply"):
        program3.read(b'{"a":' + b"[" * 100_000)
