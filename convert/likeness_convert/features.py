"""Feature matrices between NumPy's .npy and the study's .pkl, both float32 [n, dim].

The study wrote `pickle.dump(array, file)` under NumPy 1. The same few opcodes are written here by hand:
today's NumPy would name `numpy._core`, which the study's does not have.
"""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path

import numpy as np

from likeness_convert import atomic, pickles
from likeness_convert.errors import ConvertError, UsageError, about
from likeness_convert.state_dict import FloatArray

NPY_MAGIC = b"\x93NUMPY"


def convert(source: Path, target: Path) -> None:
    """Writes `source`, recognised by content, to `target` in the other format. Raises ConvertError."""
    with about(source):
        if not source.is_file() and source.exists():
            raise ConvertError("is a folder or a device, not a file")
        data = source.read_bytes()
        if data[:6] == NPY_MAGIC:
            suffix, output = ".pkl", to_pickle(from_npy(data))
        elif data[:1] == pickle.PROTO:
            suffix, output = ".npy", to_npy(from_pickle(data))
        else:
            raise ConvertError("is neither .npy nor a pickle")
    if target.suffix != suffix:
        raise UsageError(f"must end in {suffix}: {source} is turned into that", target)
    atomic.write(target, output)


def from_npy(data: bytes) -> FloatArray:
    """The matrix in a .npy file. Raises ConvertError."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran_order, dtype = read_header(stream)
    except (KeyError, ValueError, TypeError, SyntaxError, RecursionError) as error:
        raise ConvertError(f"is a broken .npy: {error}") from error
    values = data[stream.tell() :]
    if dtype != np.dtype("<f4") or not pickles.is_shape(shape) or len(shape) != 2:
        raise ConvertError(f"holds {dtype} of shape {shape!r:.80}, not a float32 matrix")
    if len(values) != 4 * shape[0] * shape[1]:
        raise ConvertError(f"is a .npy of shape {list(shape)} with {len(values)} bytes of values")
    return np.frombuffer(values, "<f4").reshape(shape, order="F" if fortran_order else "C")


def to_npy(matrix: FloatArray) -> bytes:
    """The bytes of a .npy file."""
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(matrix, "<f4"), allow_pickle=False)
    return stream.getvalue()


def from_pickle(data: bytes) -> FloatArray:
    """The matrix in a pickle of either NumPy. Raises ConvertError."""
    value = pickles.load_arrays(data)
    if not isinstance(value, pickles.PickledArray):
        raise ConvertError(f"is a pickle of a {type(value).__name__}, not of an array")
    matrix = pickles.filled(value)
    if matrix.dtype != np.dtype("<f4") or matrix.ndim != 2:
        raise ConvertError(f"holds {matrix.dtype} of shape {list(matrix.shape)}, not a float32 matrix")
    return matrix


def to_pickle(matrix: FloatArray) -> bytes:
    """What `pickle.dump(matrix)` writes under NumPy 1, without its memo."""
    values = np.ascontiguousarray(matrix, "<f4").tobytes()
    rows, columns = (pickle.LONG1 + b"\x08" + struct.pack("<q", size) for size in matrix.shape)
    empty_array = (
        pickle.GLOBAL
        + b"numpy.core.multiarray\n_reconstruct\n"
        + (pickle.GLOBAL + b"numpy\nndarray\n")
        + (pickle.BININT1 + b"\x00" + pickle.TUPLE1)
        + (pickle.SHORT_BINBYTES + b"\x01b" + pickle.TUPLE3 + pickle.REDUCE)
    )
    float32 = (
        (pickle.GLOBAL + b"numpy\ndtype\n")
        + (short_text(b"f4") + pickle.NEWFALSE + pickle.NEWTRUE + pickle.TUPLE3 + pickle.REDUCE)
        + (pickle.MARK + pickle.BININT1 + b"\x03" + short_text(b"<") + pickle.NONE * 3)
        + ((pickle.BININT + struct.pack("<i", -1)) * 2 + pickle.BININT1 + b"\x00" + pickle.TUPLE + pickle.BUILD)
    )
    state = (
        (pickle.MARK + pickle.BININT1 + b"\x01" + rows + columns + pickle.TUPLE2 + float32 + pickle.NEWFALSE)
        + (pickle.BINBYTES8 + struct.pack("<Q", len(values)) + values)
        + pickle.TUPLE
    )
    return pickle.PROTO + b"\x04" + empty_array + state + pickle.BUILD + pickle.STOP


def short_text(text: bytes) -> bytes:
    """The opcode for a string of under 256 bytes."""
    return pickle.SHORT_BINUNICODE + bytes([len(text)]) + text
