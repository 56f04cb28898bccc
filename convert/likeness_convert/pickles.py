"""Pickles from strangers: arrays and containers come out, nothing of the file's choosing runs.

Three fences, in this order. The opcodes are scanned first, without running any: only those that arrays and
containers need, few enough, with no memo index that would make the unpickler allocate. Then every global
is looked up in a list of stand-ins of our own; NumPy itself never sees the file. Last, an array's bytes
must be exactly as many as its shape says.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import numpy as np

from likeness_convert.errors import ConvertError

Globals = Mapping[tuple[str, str], Any]

PROTOCOLS = (b"\2", b"\3", b"\4")
# A state dict of MobileNetV2 takes about 12,000. The limit keeps nesting, too, within the C stack.
MAX_OPCODES = 30_000
OPCODES = {
    *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    *("EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
}

# What weights and their counters are made of; all little-endian.
DTYPES = {
    "f2": "<f2",
    "f4": "<f4",
    "f8": "<f8",
    "i8": "<i8",
    "i4": "<i4",
    "u2": "<u2",
    "u1": "|u1",
    "b1": "|b1",
}


class Sealed:
    """A stand-in that the pickle cannot change once it has made it."""

    def __setstate__(self, _state: object) -> None:
        raise ConvertError("the pickle changes an object that it has made: refused")


class SealedFunction(Sealed):
    """A function as a stand-in; a bare one has attributes that a pickle could set."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: object) -> Any:
        return self.function(*arguments)


class PickledDict(dict[Any, Any]):
    """Stands in for collections.OrderedDict; PyTorch hangs a version table on its own, which is dropped."""

    __slots__ = ()

    def __setstate__(self, _state: object) -> None:
        pass


class PickledDtype:
    """Stands in for numpy.dtype."""

    def __init__(self, spec: str, _align: bool = False, _copy: bool = False) -> None:
        if spec not in DTYPES:
            raise ConvertError(f"holds an array of type {spec!r}")
        self.spec = spec

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in ("<", "|"):
            raise ConvertError(f"holds an array of byte order {state[1]!r}")

    def numpy(self) -> np.dtype[Any]:
        """The NumPy type of the same name."""
        return np.dtype(DTYPES[self.spec])


class PickledArray:
    """Stands in for numpy.ndarray; `array` is there once the pickle has given shape, type and bytes."""

    array: np.ndarray[Any, np.dtype[Any]]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, fortran_order, raw = state
        # Protocol 2 and Python 2 spell bytes as text, one character a byte.
        raw = raw.encode("latin-1") if isinstance(raw, str) else raw
        if not (is_shape(shape) and isinstance(dtype, PickledDtype) and isinstance(raw, bytes)):
            raise ConvertError("holds an array without a proper shape, type and bytes")
        expected = math.prod(shape) * dtype.numpy().itemsize
        if len(raw) != expected:
            raise ConvertError(f"holds an array of shape {list(shape)} with {len(raw)} bytes, not {expected}")
        flat = np.frombuffer(raw, dtype.numpy())
        self.array = flat.reshape(shape, order="F" if fortran_order else "C")


def is_size(value: object) -> TypeGuard[int]:
    """Whether `value` is a whole number from 0 (and not True, which Python counts as one)."""
    return type(value) is int and value >= 0


def is_shape(value: object) -> TypeGuard[tuple[int, ...]]:
    """Whether `value` is a tuple of sizes."""
    return isinstance(value, tuple) and all(is_size(size) for size in value)


def reconstruct(_kind: object, _shape: object, _typecode: object) -> PickledArray:
    """Stands in for numpy.core.multiarray._reconstruct: an array that is still to be filled."""
    return PickledArray()


def encode(text: str, encoding: str = "latin1") -> bytes:
    """Stands in for _codecs.encode, which protocol 2 uses to spell bytes."""
    if encoding != "latin1":
        raise ConvertError(f"asks for the text encoding {encoding!r}")
    return text.encode("latin-1")


ARRAY_GLOBALS: Globals = {
    ("numpy.core.multiarray", "_reconstruct"): SealedFunction(reconstruct),  # NumPy 1
    ("numpy._core.multiarray", "_reconstruct"): SealedFunction(reconstruct),  # NumPy 2
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): PickledDtype,
    ("collections", "OrderedDict"): PickledDict,
    ("_codecs", "encode"): SealedFunction(encode),
    ("builtins", "tuple"): tuple,  # Paddle pickles a nested tensor as tuple((name, array))
    ("__builtin__", "tuple"): tuple,
}


class RestrictedUnpickler(pickle.Unpickler):
    """Knows the globals that it is given, and refuses every other by name."""

    def __init__(self, data: bytes, known: Globals) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self.known = known

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.known:
            raise ConvertError(f"the pickle asks for {module}.{name}, which no weights need: refused")
        return self.known[module, name]

    def persistent_load(self, _key: object) -> Any:
        raise ConvertError("the pickle refers to objects outside itself: refused")


def check_opcodes(data: bytes) -> None:
    """Raises ConvertError unless `data` is a pickle of the opcodes that arrays and containers need."""
    if data[:1] != pickle.PROTO or data[1:2] not in PROTOCOLS:
        raise ConvertError("is not a pickle of protocol 2, 3 or 4")
    try:
        for count, (opcode, argument, _position) in enumerate(pickletools.genops(data)):
            if opcode.name not in OPCODES:
                raise ConvertError(f"the pickle uses {opcode.name}, which no weights need: refused")
            if count >= MAX_OPCODES:
                raise ConvertError(f"the pickle has more than {MAX_OPCODES} opcodes: refused")
            if opcode.name == "LONG_BINPUT" and int(argument or 0) > MAX_OPCODES:
                raise ConvertError(f"the pickle numbers an object {argument}: refused")
    except ValueError as error:
        raise ConvertError(f"is a broken or truncated pickle: {error!s:.100}") from error


def load(unpickler: RestrictedUnpickler) -> Any:
    """Runs a pickle that has passed `check_opcodes`. Raises ConvertError for whatever goes wrong."""
    try:
        return unpickler.load()
    except ConvertError:
        raise
    except Exception as error:  # The bytes choose what the unpickler stumbles over: any type can come.
        raise ConvertError(f"is a broken pickle: {str(error) or type(error).__name__:.100}") from error


def load_arrays(data: bytes) -> Any:
    """The pickle's object; arrays in it are `PickledArray`s. Raises ConvertError."""
    check_opcodes(data)
    return load(RestrictedUnpickler(data, ARRAY_GLOBALS))


def filled(value: PickledArray) -> np.ndarray[Any, np.dtype[Any]]:
    """The NumPy array behind `value`. Raises ConvertError where the pickle never filled it."""
    if not hasattr(value, "array"):
        raise ConvertError("holds an array without contents")
    return value.array
