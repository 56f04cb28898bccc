"""PyTorch state dicts: a zip of one pickle and one file of values a storage. Read without torch.

archive/data.pkl       {name: _rebuild_tensor_v2(storage, offset, size, stride, …)}
archive/data/0 …       the storages' bytes, little-endian
archive/byteorder      "little", in newer files
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness_convert.errors import ConvertError
from likeness_convert.pickles import (
    Globals,
    PickledDict,
    RestrictedUnpickler,
    Sealed,
    SealedFunction,
    check_opcodes,
    is_shape,
    is_size,
    load,
)
from likeness_convert.state_dict import FloatArray, to_float32

STORAGES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "LongStorage": "<i8"}
PARTS = {"running_mean": "_mean", "running_var": "_variance"}
COUNTER = "num_batches_tracked"
CLASSIFIER_WEIGHT = "classifier.1.weight"


class Storage(Sealed):
    """Values in a row, on which tensors lie."""

    def __init__(self, values: npt.NDArray[Any]) -> None:
        self.values = values


class TorchTensor(Sealed):
    """What stands in for a tensor: its values, already of its shape."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self.array = array


def rebuild_tensor(
    storage: object, offset: object, size: object, stride: object, *_gradient_and_hooks: object
) -> TorchTensor:
    """Stands in for torch._utils._rebuild_tensor_v2. Raises ConvertError where it would leave the storage."""
    if not (isinstance(storage, Storage) and is_size(offset) and is_shape(size) and is_shape(stride)):
        raise ConvertError("holds a tensor without a proper storage, size and stride")
    values, count = storage.values, math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if not 0 < count <= values.size or last >= values.size:
        raise ConvertError(f"holds a tensor of shape {list(size)} that leaves its storage of {values.size} values")
    steps = [step * values.itemsize for step in stride]
    return TorchTensor(np.lib.stride_tricks.as_strided(values[offset:], size, steps))


TORCH_GLOBALS: Globals = {
    ("collections", "OrderedDict"): PickledDict,
    ("torch._utils", "_rebuild_tensor_v2"): SealedFunction(rebuild_tensor),
    **{("torch", name): spec for name, spec in STORAGES.items()},
}


class TorchUnpickler(RestrictedUnpickler):
    """Finds the storages in the archive."""

    def __init__(self, data: bytes, archive: Archive) -> None:
        super().__init__(data, TORCH_GLOBALS)
        self.archive = archive
        self.storages: dict[tuple[str, str], Storage] = {}

    def persistent_load(self, key: object) -> Storage:
        """The storage that `key` means; tensors may share one. Raises ConvertError."""
        if not isinstance(key, tuple) or len(key) != 5 or key[0] != "storage":
            raise ConvertError("the pickle refers to an object that is no storage: refused")
        _kind, dtype, name, _device, count = key
        if dtype not in STORAGES.values() or not isinstance(name, str) or not is_size(count):
            raise ConvertError("the pickle refers to a storage without type, name and size: refused")
        if (name, dtype) not in self.storages:
            self.storages[name, dtype] = self.read_storage(name, dtype, count)
        return self.storages[name, dtype]

    def read_storage(self, name: str, dtype: str, count: int) -> Storage:
        """A storage from its file. Raises ConvertError where that is not of `count` values."""
        raw = self.archive.read(f"data/{name}")
        if len(raw) != count * np.dtype(dtype).itemsize:
            raise ConvertError(f"the storage {name} has {len(raw)} bytes, not those of {count} values")
        return Storage(np.frombuffer(raw, dtype))


class Archive:
    """The zip; torch stores its members uncompressed, so all of them together are smaller than the file."""

    def __init__(self, data: bytes) -> None:
        self.left = len(data)
        self.zip = zipfile.ZipFile(io.BytesIO(data))
        pickles = [name for name in self.zip.namelist() if name.endswith("data.pkl")]
        if len(pickles) != 1:
            raise ConvertError(f"is a zip with {len(pickles)} data.pkl, no PyTorch state dict")
        self.folder = pickles[0].removesuffix("data.pkl")

    def has(self, name: str) -> bool:
        """Whether there is such a member."""
        return self.folder + name in self.zip.namelist()

    def read(self, name: str) -> bytes:
        """A member's bytes; zipfile compares its checksum. Raises ConvertError."""
        if not self.has(name):
            raise ConvertError(f"has no {name} in its zip")
        if self.zip.getinfo(self.folder + name).compress_type != zipfile.ZIP_STORED:
            raise ConvertError(f"has a compressed {name} in its zip, which PyTorch never writes")
        self.left -= self.zip.getinfo(self.folder + name).file_size
        if self.left < 0:
            raise ConvertError("has members in its zip that overlap")
        return self.zip.read(self.folder + name)


def read(data: bytes) -> dict[str, FloatArray]:
    """Paddle's name → float32 array of Paddle's shape. Raises ConvertError."""
    try:
        entries = read_entries(Archive(data))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error) as error:
        # What zipfile raises for damage, encryption and methods that it does not know.
        raise ConvertError(f"is a broken zip: {error}") from error
    return dict(paddle_tensor(name, value) for name, value in entries.items() if not is_counter(name))


def read_entries(archive: Archive) -> dict[object, object]:
    """The pickled state dict. Raises ConvertError."""
    if archive.has("byteorder") and archive.read("byteorder") != b"little":
        raise ConvertError("is a big-endian PyTorch file")
    pickled = archive.read("data.pkl")
    check_opcodes(pickled)
    entries = load(TorchUnpickler(pickled, archive))
    if not isinstance(entries, dict):
        raise ConvertError(f"is a pickle of a {type(entries).__name__}, not of a state dict")
    return entries


def is_counter(name: object) -> bool:
    """PyTorch counts each batch norm's batches; nothing needs it afterwards."""
    return isinstance(name, str) and name.endswith("." + COUNTER)


def paddle_tensor(name: object, value: object) -> tuple[str, FloatArray]:
    """Name and array as Paddle has them: a Linear is in × out there. Raises ConvertError."""
    if not isinstance(name, str) or not isinstance(value, TorchTensor):
        raise ConvertError(f"the state dict has a {type(value).__name__} under a {type(name).__name__}, not a tensor")
    layer, _, part = name.rpartition(".")
    array = value.array
    if name == CLASSIFIER_WEIGHT and array.ndim == 2:
        array = array.T
    return f"{layer}.{PARTS.get(part, part)}", to_float32(name, array)
