"""PyTorch's zip, read without torch: its own short list of globals, its storages, its names."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from conftest import FIXTURES, Command, one_line
from likeness_convert import torch_zip
from likeness_convert.errors import ConvertError
from likeness_convert.torch_zip import Storage, rebuild_tensor

SOURCE = FIXTURES / "w025_torch.pth"
FOLDER = "w025_torch/"


def edited(path: Path, edit: Callable[[str, bytes], bytes | None], compression: int = zipfile.ZIP_STORED) -> Path:
    """The fixture with each member passed through `edit`, which may drop it."""
    with zipfile.ZipFile(SOURCE) as source, zipfile.ZipFile(path, "w", compression) as target:
        for name in source.namelist():
            data = edit(name.removeprefix(FOLDER), source.read(name))
            if data is not None:
                target.writestr(name, data)
    return path


def test_counters_are_dropped_and_names_are_paddles() -> None:
    tensors = torch_zip.read(SOURCE.read_bytes())
    assert len(tensors) == 262
    assert not any("num_batches" in name or "running" in name for name in tensors)
    assert tensors["classifier.1.weight"].shape == (1280, 12)
    assert tensors["features.0.1._variance"].shape == (8,)


def change(member: str, old: bytes, new: bytes) -> Callable[[str, bytes], bytes | None]:
    return lambda name, data: data.replace(old, new) if name == member else data


EDITS: dict[str, tuple[Callable[[str, bytes], bytes | None], str]] = {
    "another global": (
        change("data.pkl", b"ctorch._utils\n_rebuild_tensor_v2\n", b"cposix\nsystem\n"),
        "asks for posix.system",
    ),
    "NumPy's globals": (
        change("data.pkl", b"ctorch._utils\n_rebuild_tensor_v2\n", b"cnumpy\ndtype\n"),
        "asks for numpy.dtype",
    ),
    "another storage": (change("data.pkl", b"FloatStorage", b"BFloatStorage"), "asks for torch.BFloatStorage"),
    "no pickle": (lambda name, data: None if name == "data.pkl" else data, "with 0 data.pkl"),
    "no storage": (lambda name, data: None if name == "data/3" else data, "has no data/3"),
    "a short storage": (lambda name, data: data[4:] if name == "data/3" else data, "the storage 3 has"),
    "a ragged storage": (lambda name, data: data[1:] if name == "data/3" else data, "the storage 3 has"),
    "big-endian": (lambda name, data: b"big" if name == "byteorder" else data, "big-endian"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_zip_that_is_wrong_is_refused(name: str, convert: Command, tmp_path: Path) -> None:
    edit, fault = EDITS[name]
    path = edited(tmp_path / "edited.pth", edit)
    outcome = convert(path, "-o", tmp_path / "model.safetensors")
    assert (outcome.status, one_line(outcome.stderr)) == (1, True)
    assert fault in outcome.stderr


def test_no_more_is_read_than_the_file_has() -> None:
    """Members whose bytes overlap would add up to more; reading one again and again does so, too."""
    data = SOURCE.read_bytes()
    archive = torch_zip.Archive(data)
    largest = max(archive.zip.infolist(), key=lambda member: member.file_size)
    name = largest.filename.removeprefix(FOLDER)
    for _ in range(len(data) // largest.file_size):
        archive.read(name)
    with pytest.raises(ConvertError, match="members in its zip that overlap"):
        archive.read(name)


def test_tensors_may_share_a_storage() -> None:
    with zipfile.ZipFile(SOURCE) as archive:
        pickled = archive.read(f"{FOLDER}data.pkl")
    unpickler = torch_zip.TorchUnpickler(pickled, torch_zip.Archive(SOURCE.read_bytes()))
    key = ("storage", "<f4", "0", "cpu", 8 * 3 * 3 * 3)
    assert unpickler.persistent_load(key) is unpickler.persistent_load(key)


def test_a_compressed_zip_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path / "c.pth", lambda _name, data: data, zipfile.ZIP_DEFLATED)
    with pytest.raises(ConvertError, match="compressed"):
        torch_zip.read(path.read_bytes())


@pytest.fixture
def storage() -> Storage:
    return Storage(np.arange(6, dtype=np.float32))


def test_strides_are_followed(storage: Storage) -> None:
    assert rebuild_tensor(storage, 0, (3, 2), (1, 3)).array.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert rebuild_tensor(storage, 4, (2,), (1,)).array.tolist() == [4, 5]


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (1, (6,), (1,)),
        (0, (3, 2), (2, 2)),
        (0, (4,), (2,)),
        (0, (7,), (0,)),
        (0, (2**40, 2**40), (1, 1)),
        (-1, (2,), (1,)),
        (0, (-2, -2), (1, 1)),
        (0, (2,), (-1,)),
        (0, (0,), (1,)),
        (0, [2], (1,)),
        (True, (2,), (1,)),
    ],
)
def test_a_tensor_never_leaves_its_storage(offset: int, size: object, stride: object, storage: Storage) -> None:
    with pytest.raises(ConvertError):
        rebuild_tensor(storage, offset, size, stride)
