"""A source, whatever its form: which files it is made of, and what they say.

Forms are recognised by content. A name that is no file is a prefix, as the study hands it to Paddle.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from likeness_convert import graph, keras_h5, pdiparams, pickles, program2, program3, state_dict, torch_zip
from likeness_convert.errors import ConvertError, about
from likeness_convert.state_dict import FloatArray

STATE_DICT, PROGRAM2, PROGRAM3, TORCH, KERAS = (
    "paddle-state-dict",
    "paddle2-program",
    "paddle3-program",
    "torch-state-dict",
    "keras-h5",
)

# Paddle itself takes a prefix for a program; a state dict comes after it, and Keras's file last.
PREFIX_SUFFIXES = (".pdmodel", ".json", ".pdparams", ".h5")


@dataclass(frozen=True)
class SourceFile:
    """A file's name without its folder, and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """Weights under structured names; what the form does not know is None."""

    path: Path
    form: str
    files: tuple[SourceFile, ...]
    tensors: dict[str, FloatArray]
    bn_epsilon: float | None = None
    padding: str | None = None
    input_size: tuple[int, int] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


class Files:
    """Reads files whole and remembers what they were."""

    def __init__(self) -> None:
        self.read_files: list[SourceFile] = []

    def read(self, path: Path) -> bytes:
        """The file's bytes. Raises ConvertError where it is missing or no plain file."""
        with about(path):
            if path.exists() and not path.is_file():
                raise ConvertError("is a folder or a device, not a file")
            data = path.read_bytes()
        name = os.fsencode(path.name).decode("utf-8", "replace")  # A name may be any bytes, JSON may not.
        self.read_files.append(SourceFile(name, hashlib.sha256(data).hexdigest()))
        return data


def find(source: Path) -> tuple[Path, list[Path]]:
    """The file to open for `source`, a file or a prefix, and the others that the prefix fits.

    Raises ConvertError where there is none.
    """
    if source.exists() and not source.is_dir():
        return program_of(source), []
    found = [path for suffix in PREFIX_SUFFIXES if (path := with_suffix(source, suffix)).is_file()]
    if found:
        return found[0], found[1:]
    if source.is_dir():
        raise ConvertError("is a folder; name a file in it, or the prefix of its files", source)
    raise ConvertError(f"no such file, nor one with {', '.join(PREFIX_SUFFIXES)} after it", source)


def with_suffix(prefix: Path, suffix: str) -> Path:
    """Appends, where Path.with_suffix would replace what follows a dot in the prefix."""
    return Path(f"{prefix}{suffix}")


def program_of(file: Path) -> Path:
    """The program beside a file of parameters or names; any other file is itself."""
    match = re.fullmatch(r"(.+)\.pdiparams(\.info)?", file.name)
    if not match:
        return file
    for suffix in (".pdmodel", ".json"):
        if (program := file.with_name(match[1] + suffix)).is_file():
            return program
    raise ConvertError(f"needs its program, {match[1]}.pdmodel or {match[1]}.json, beside it", file)


def read(path: Path) -> Source:
    """Reads the file that `find` found, and those that belong to it. Raises ConvertError."""
    files = Files()
    data = files.read(path)
    with about(path):
        if data[:1] == b"\x80":
            return Source(path, STATE_DICT, tuple(files.read_files), state_dict.read(data))
        if data[:4] == b"PK\x03\x04":
            return Source(path, TORCH, tuple(files.read_files), torch_zip.read(data))
        if data[:8] == keras_h5.SIGNATURE:
            return read_keras(path, keras_h5.read(data), files)
        if data[:64].lstrip()[:1] == b"{":
            return read_program(path, PROGRAM3, program3.read(data), files)
        if data[:1] == b"\x0a":  # the key of ProgramDesc.blocks
            return read_program(path, PROGRAM2, program2.read(data), files)
        raise ConvertError("is empty" if not data else "is no file of Paddle, PyTorch or Keras")


def read_keras(path: Path, file: keras_h5.KerasFile, files: Files) -> Source:
    """Keras's weights, with the padding and the input that `keras.applications` gives them."""
    return Source(
        path,
        KERAS,
        tuple(files.read_files),
        file.tensors,
        bn_epsilon=file.bn_epsilon,
        padding=keras_h5.PADDING,
        input_size=file.input_size,
        mean=keras_h5.HALVES,
        std=keras_h5.HALVES,
    )


def read_program(path: Path, form: str, program: graph.Program, files: Files) -> Source:
    """A program and its parameters; where an .info names them too, it must agree with the graph."""
    network = graph.find_network(program)
    parameters = path.with_suffix(".pdiparams")
    data = files.read(parameters)
    with about(parameters):
        values = pdiparams.read(data, program.variables)
    info = path.with_suffix(".pdiparams.info")
    if info.exists():
        info_data = files.read(info)
        with about(info):
            check_info(info_data, network.names)
    tensors = {network.names.get(static, static): tensor for static, tensor in values.items()}
    return Source(
        path,
        form,
        tuple(files.read_files),
        tensors,
        bn_epsilon=network.epsilon,
        padding=network.padding,
        input_size=program.input_size,
    )


def check_info(data: bytes, from_graph: Mapping[str, str]) -> None:
    """Compares {static: {"structured_name": name, …}} with the names that the graph gives.

    A network inside another layer has that layer's name before its own. Raises ConvertError where a name
    contradicts the graph: the files do not belong together.
    """
    info = pickles.load_arrays(data)
    if not isinstance(info, dict):
        raise ConvertError(f"is a pickle of a {type(info).__name__}, not of a dict")
    for static, entry in info.items():
        structured = entry.get("structured_name") if isinstance(entry, dict) else None
        if not isinstance(static, str) or not isinstance(structured, str):
            raise ConvertError("does not give each static name a structured one")
        expected = from_graph.get(static, structured)
        if structured != expected and not structured.endswith(f".{expected}"):
            raise ConvertError(f"calls {static} {structured}, and the program's graph {expected}")
