"""Pickles: what Paddle has written in any version loads, everything else is refused and never runs."""

from __future__ import annotations

import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import FIXTURES, Command, one_line, random_state, save_state
from likeness_convert import pickles, state_dict
from likeness_convert.errors import ConvertError

RUN_MARK = "this_ran"


class Reduces:
    """Pickles as a call."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def spelled(module: str, name: str, argument: bytes = b"") -> bytes:
    """A pickle that calls module.name with one string, whether or not there is such a thing here."""
    text = pickle.BINUNICODE + struct.pack("<I", len(argument)) + argument
    name_of = pickle.GLOBAL + f"{module}\n{name}\n".encode()
    return pickle.PROTO + b"\2" + name_of + text + pickle.TUPLE1 + pickle.REDUCE + pickle.STOP


HOSTILE = {
    "os.system": lambda mark: pickle.dumps(Reduces(os.system, (f"touch {mark}",)), 2),
    "builtins.eval": lambda mark: pickle.dumps(Reduces(eval, (f"open({str(mark)!r}, 'w')",)), 4),
    "__builtin__.exec": lambda mark: spelled("__builtin__", "exec", f"open({str(mark)!r}, 'w')".encode()),
    "builtins.getattr": lambda mark: pickle.dumps(Reduces(getattr, (str(mark), "encode")), 4),
    "numpy.load": lambda mark: spelled("numpy", "load", str(mark).encode()),
    "numpy.core.multiarray.scalar": lambda mark: spelled("numpy.core.multiarray", "scalar", str(mark).encode()),
    "collections.namedtuple": lambda mark: spelled("collections", "namedtuple", str(mark).encode()),
    "torch._utils._rebuild_tensor_v2": lambda mark: spelled("torch._utils", "_rebuild_tensor_v2", str(mark).encode()),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_global_is_named_and_not_run(name: str, convert: Command, tmp_path: Path) -> None:
    mark = tmp_path / RUN_MARK
    hostile = tmp_path / "hostile.pdparams"
    hostile.write_bytes(HOSTILE[name](mark))
    outcome = convert(hostile, "-o", tmp_path / "model.safetensors")
    assert outcome.status == 1
    assert one_line(outcome.stderr)
    assert f"hostile.pdparams: the pickle asks for {name}," in outcome.stderr.replace("posix", "os")
    assert list(tmp_path.iterdir()) == [hostile]


def test_a_hostile_value_inside_a_state_dict_is_refused(tmp_path: Path) -> None:
    state = random_state() | {"features.0.0.weight": Reduces(os.system, (f"touch {tmp_path / RUN_MARK}",))}
    with pytest.raises(ConvertError, match="system"):
        state_dict.read(pickle.dumps(state, 2))
    assert not (tmp_path / RUN_MARK).exists()


def test_an_object_array_is_refused() -> None:
    with pytest.raises(ConvertError, match="type 'O8'"):
        state_dict.read(pickle.dumps({"a": np.array([None])}, 4))


@pytest.mark.parametrize("protocol", [0, 1, 5])
def test_other_protocols_are_refused(protocol: int) -> None:
    with pytest.raises(ConvertError, match="protocol"):
        state_dict.read(pickle.dumps({"a": 1}, protocol))


def test_a_pickle_cannot_change_a_stand_in() -> None:
    made = pickle.GLOBAL + b"_codecs\nencode\n"
    change = pickle.EMPTY_DICT + pickle.BUILD
    with pytest.raises(ConvertError, match="changes an object"):
        pickles.load_arrays(pickle.PROTO + b"\2" + made + change + pickle.STOP)


def test_an_ordered_dicts_attributes_are_dropped() -> None:
    state = OrderedDict(random_state())
    state._metadata = {"version": 1}  # type: ignore[attr-defined]
    loaded = pickles.load_arrays(pickle.dumps(state, 2))
    assert loaded.keys() == state.keys()
    assert not hasattr(loaded, "_metadata")


def test_a_huge_memo_index_is_refused_without_allocating() -> None:
    body = pickle.NONE + pickle.LONG_BINPUT + struct.pack("<I", 0xFFFF_FFFE) + pickle.STOP
    with pytest.raises(ConvertError, match="numbers an object 4294967294"):
        pickles.load_arrays(pickle.PROTO + b"\2" + body)


def test_deep_nesting_is_refused() -> None:
    nested = pickle.EMPTY_DICT + pickle.NONE + pickle.TUPLE1 * 1_000_000 + pickle.NONE + pickle.SETITEM
    with pytest.raises(ConvertError, match="more than 30000 opcodes"):
        pickles.load_arrays(pickle.PROTO + b"\2" + nested + pickle.STOP)


def test_nesting_below_the_limit_is_survived() -> None:
    nested = pickle.EMPTY_DICT + pickle.NONE + pickle.TUPLE1 * 29_000 + pickle.NONE + pickle.SETITEM
    with pytest.raises(ConvertError, match="a key that is no name but of type tuple"):
        state_dict.read(pickle.PROTO + b"\2" + nested + pickle.STOP)


def test_an_array_with_too_few_bytes_is_refused() -> None:
    empty = np.ones(3, np.float32).__reduce__()[:2]
    array = Reduces(*empty, (1, (3,), np.dtype("f4"), False, b"\0" * 8))
    with pytest.raises(ConvertError, match=r"shape \[3\] with 8 bytes, not 12"):
        state_dict.read(pickle.dumps({"a": array}, 2))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_protocols_of_paddle_load(protocol: int) -> None:
    state = random_state()
    loaded = state_dict.read(pickle.dumps(state, protocol))
    assert all(np.array_equal(loaded[name], state[name]) for name in state)


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_both_spellings_of_numpy_load(module: str) -> None:
    data = pickle.dumps({"a": np.ones([2, 3], np.float32)}, 2)
    for spelling in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        data = data.replace(spelling, module.encode())
    assert module.encode() in data
    assert state_dict.read(data)["a"].shape == (2, 3)


def test_the_fixtures_cover_both_spellings() -> None:
    assert b"numpy.core.multiarray" in (FIXTURES / "w025.pdparams").read_bytes()
    assert b"numpy._core.multiarray" in (FIXTURES / "w025_p3.pdparams").read_bytes()


def test_pairs_of_static_name_and_array_load() -> None:
    state = random_state()
    pairs = {name: Reduces(tuple, ((f"static_{name}", array),)) for name, array in state.items()}
    for protocol in (2, 4):
        loaded = state_dict.read(pickle.dumps(pairs, protocol))
        assert all(np.array_equal(loaded[name], state[name]) for name in state)


def test_static_names_are_no_tensor() -> None:
    state = random_state() | {state_dict.STATIC_NAMES: {"features.0.0.weight": "conv2d_0.w_0"}}
    assert state_dict.STATIC_NAMES not in state_dict.read(pickle.dumps(state, 4))


def test_slices_are_joined() -> None:
    state = random_state()
    whole = state.pop("features.18.0.weight")
    halves = np.split(whole.ravel(), 2)
    state |= {f"features.18.0.weight@@.{n}": half for n, half in enumerate(halves)}
    parts = [f"features.18.0.weight@@.{n}" for n in range(2)]
    state[state_dict.SLICES] = {"features.18.0.weight": {"OriginShape": whole.shape, "slices": parts}}
    loaded = state_dict.read(pickle.dumps(state, 2))
    assert np.array_equal(loaded["features.18.0.weight"], whole)
    assert not any("@@" in name for name in loaded)


@pytest.mark.parametrize(
    "slices",
    [
        7,
        {"b": 7},
        {"b": {"OriginShape": (2,), "slices": ["gone"]}},
        {"b": {"OriginShape": (3,), "slices": ["a"]}},
        {"b": {"OriginShape": (2,), "slices": []}},
        {"b": {"OriginShape": "ab", "slices": ["a"]}},
        {7: {"OriginShape": (2,), "slices": ["a"]}},
    ],
)
def test_slices_that_do_not_fit_are_refused(slices: object) -> None:
    state = {"a": np.ones(2, np.float32), state_dict.SLICES: slices}
    with pytest.raises(ConvertError):
        state_dict.read(pickle.dumps(state, 2))


def test_one_array_under_many_names_is_refused() -> None:
    array = np.ones(1000, np.float16)
    with pytest.raises(ConvertError, match="the same array under many names"):
        state_dict.read(pickle.dumps({str(number): array for number in range(1000)}, 4))


def test_python_2_strings_load() -> None:
    array = np.arange(3, dtype=np.float32)
    data = pickle.dumps({"a": array}, 3)
    as_bytes = pickle.SHORT_BINBYTES + bytes([array.nbytes])
    assert data.count(as_bytes) == 1
    as_string = data.replace(as_bytes, pickle.SHORT_BINSTRING + bytes([array.nbytes]))
    assert np.array_equal(state_dict.read(as_string)["a"], array)


def test_fortran_order_is_kept() -> None:
    array = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert np.array_equal(state_dict.read(pickle.dumps({"a": array}, 4))["a"], array)


@pytest.mark.parametrize(("dtype", "accepted"), [("f2", True), ("f4", True), ("f8", False), ("i4", False)])
def test_float16_widens_and_other_types_are_refused(dtype: str, accepted: bool) -> None:
    data = pickle.dumps({"a": np.ones(2, dtype)}, 4)
    if accepted:
        assert state_dict.read(data)["a"].dtype == np.float32
    else:
        with pytest.raises(ConvertError, match=r"a is (float64|int32), not float32"):
            state_dict.read(data)


def test_big_endian_is_refused() -> None:
    with pytest.raises(ConvertError, match="byte order '>'"):
        state_dict.read(pickle.dumps({"a": np.ones(2, ">f4")}, 4))


def test_a_state_dict_of_another_kind_is_refused(tmp_path: Path, convert: Command) -> None:
    path = save_state(tmp_path / "list.pdparams", [1, 2])
    outcome = convert(path, "-o", tmp_path / "model.safetensors")
    assert (outcome.status, "is a pickle of a list, not of a state dict" in outcome.stderr) == (1, True)
