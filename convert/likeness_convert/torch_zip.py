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
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from likeness_convert.errors import ConvertError
from likeness_convert.pickles import Globals, RestrictedUnpickler, check_opcodes, is_shape, is_size, load
from likeness_convert.state_dict import FloatArray, to_float32

STORAGES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "LongStorage": "<i8"}
PARTS = {"running_mean": "_mean", "running_var": "_variance"}
COUNTER = "num_batches_tracked"
CLASSIFIER_WEIGHT = "classifier.1.weight"


@dataclass(frozen=True)
class TorchTensor:
    """What stands in for a tensor: its values, already of its shape."""

    array: npt.NDArray[Any]


def rebuild_tensor(
    storage: object, offset: object, size: object, stride: object, *_gradient_and_hooks: object
) -> TorchTensor:
    """Stands in for torch._utils._rebuild_tensor_v2. Raises ConvertError where it would leave the storage."""
    if not (isinstance(storage, np.ndarray) and is_size(offset) and is_shape(size) and is_shape(stride)):
        raise ConvertError("holds a tensor without a proper storage, size and stride")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count > storage.size or (count and last >= storage.size):
        raise ConvertError(f"holds a tensor of shape {list(size)} that leaves its storage of {storage.size} values")
    if count == 0:
        return TorchTensor(np.empty(size, storage.dtype))
    steps = [step * storage.itemsize for step in stride]
    return TorchTensor(np.lib.stride_tricks.as_strided(storage[offset:], size, steps))


TORCH_GLOBALS: Globals = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    **{("torch", name): np.dtype(spec) for name, spec in STORAGES.items()},
}


class TorchUnpickler(RestrictedUnpickler):
    """Finds the storages in the archive."""

    def __init__(self, data: bytes, archive: Archive) -> None:
        super().__init__(data, TORCH_GLOBALS)
        self.archive = archive

    def persistent_load(self, key: object) -> npt.NDArray[Any]:
        if not isinstance(key, tuple) or len(key) != 5 or key[0] != "storage":
            raise ConvertError(f"the pickle refers to an object that is no storage: {key!r:.80}")
        _kind, dtype, name, _device, count = key
        if not isinstance(dtype, np.dtype) or not isinstance(name, str) or not is_size(count):
            raise ConvertError(f"the pickle refers to an odd storage: {key!r:.80}")
        raw = self.archive.read(f"data/{name}")
        if len(raw) != count * dtype.itemsize:
            raise ConvertError(f"the storage {name} has {len(raw)} bytes, not {count * dtype.itemsize}")
        return np.frombuffer(raw, dtype)


class Archive:
    """The zip; torch stores its members uncompressed, so none can be larger than the file."""

    def __init__(self, data: bytes) -> None:
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
        raise ConvertError(f"the state dict's {name!r:.80} is a {type(value).__name__}, not a tensor")
    layer, _, part = name.rpartition(".")
    array = value.array
    if name == CLASSIFIER_WEIGHT and array.ndim == 2:
        array = array.T
    return f"{layer}.{PARTS.get(part, part)}", to_float32(name, array)
