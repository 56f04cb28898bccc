"""Feature matrices: .npy into the study's .pkl and back, and refusals."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from conftest import Command, one_line
from likeness_convert import features

MATRIX = np.random.default_rng(3).normal(size=(5, 7)).astype(np.float32)


@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (0, 12), (300, 1280)])
def test_the_pickle_is_what_numpy_loads(shape: tuple[int, int], convert: Command, tmp_path: Path) -> None:
    matrix = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    np.save(tmp_path / "f.npy", matrix)
    outcome = convert("features", tmp_path / "f.npy", tmp_path / "f.pkl")
    assert (outcome.status, outcome.stderr) == (0, "")
    loaded = pickle.loads((tmp_path / "f.pkl").read_bytes())
    assert loaded.dtype == np.float32
    assert np.array_equal(loaded, matrix)
    loaded += 1  # writable, as the study's own


def test_the_pickle_names_what_numpy_1_has() -> None:
    data = features.to_pickle(MATRIX)
    assert b"numpy.core.multiarray\n_reconstruct" in data
    assert b"numpy._core" not in data


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_both_numpys_pickles_become_npy(protocol: int, module: bytes, convert: Command, tmp_path: Path) -> None:
    data = pickle.dumps(MATRIX, protocol)
    if protocol < 4:  # later ones count the letters
        data = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        data = data.replace(b"numpy.core.multiarray", module)
    (tmp_path / "f.pkl").write_bytes(data)
    assert convert("features", tmp_path / "f.pkl", tmp_path / "f.npy").status == 0
    assert np.array_equal(np.load(tmp_path / "f.npy"), MATRIX)


def test_there_and_back_gives_the_same_bytes(convert: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MATRIX)
    convert("features", tmp_path / "a.npy", tmp_path / "b.pkl")
    convert("features", tmp_path / "b.pkl", tmp_path / "c.npy")
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "c.npy").read_bytes()


def test_fortran_order_is_kept(convert: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(MATRIX))
    convert("features", tmp_path / "a.npy", tmp_path / "b.pkl")
    assert np.array_equal(pickle.loads((tmp_path / "b.pkl").read_bytes()), MATRIX)


def npy_of(array: object, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array), allow_pickle=allow_pickle)
    return stream.getvalue()


REFUSED = {
    "text": (b"hello", "is neither .npy nor a pickle"),
    "float64": (npy_of(MATRIX.astype(np.float64)), "holds float64 of shape (5, 7), not a float32 matrix"),
    "a vector": (npy_of(MATRIX[0]), "holds float32 of shape (7,), not a float32 matrix"),
    "objects": (npy_of([[None]], allow_pickle=True), "holds object of shape (1, 1)"),
    "truncated values": (npy_of(MATRIX)[:-1], "with 139 bytes of values"),
    "truncated header": (npy_of(MATRIX)[:50], "is a broken .npy"),
    "a hostile header": (npy_of(MATRIX).replace(b"'descr': '<f4'", b"'descr': exit()"), "is a broken .npy"),
    "a huge shape": (npy_of(MATRIX).replace(b"(5, 7)", b"(5,99**9)"), "is a broken .npy"),
    "another version": (b"\x93NUMPY\x09\x00", "is a broken .npy"),
    "a hostile pickle": (b"\x80\x02cposix\nsystem\nU\x02lsR.", "the pickle asks for posix.system"),
    "a pickled list": (pickle.dumps([1.0], 4), "is a pickle of a list, not of an array"),
    "a pickled vector": (pickle.dumps(MATRIX[0], 4), "holds float32 of shape [7]"),
    "a truncated pickle": (pickle.dumps(MATRIX, 4)[:-9], "is a broken or truncated pickle"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_matrix_is_refused(name: str, convert: Command, tmp_path: Path) -> None:
    data, fault = REFUSED[name]
    (tmp_path / "in").write_bytes(data)
    outcome = convert("features", tmp_path / "in", tmp_path / "out.pkl")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert fault in outcome.stderr
    assert not (tmp_path / "out.pkl").exists()


def test_an_output_of_the_same_kind_is_refused(convert: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MATRIX)
    outcome = convert("features", tmp_path / "a.npy", tmp_path / "b.npy")
    assert (outcome.status, one_line(outcome.stderr)) == (2, True)
    assert "must end in .pkl" in outcome.stderr


@pytest.mark.parametrize(("name", "fault"), [("gone.npy", "No such file"), ("", "is a folder")])
def test_an_input_that_is_not_there(name: str, fault: str, convert: Command, tmp_path: Path) -> None:
    outcome = convert("features", tmp_path / name, tmp_path / "b.pkl")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert fault in outcome.stderr
