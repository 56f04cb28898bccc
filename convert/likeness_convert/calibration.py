"""The pictures of a list as the network sees them: the `likeness` command decodes, resizes and normalizes them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likeness_convert.errors import ConvertError, about
from likeness_convert.state_dict import FloatArray

PICTURE_MAGICS = (b"\xff\xd8\xff", b"\x89PNG")


@dataclass(frozen=True)
class Pictures:
    """Inputs [n, h, w, 3], and the SHA-256 of the list of the pictures' own."""

    inputs: FloatArray
    sha256: str


def load(model: Path, images: Path, most: int, likeness: str | None, warn: Callable[[str], None]) -> Pictures:
    """At most `most` pictures, evenly from the whole list. `warn` gets a line for each that is left out.

    Raises ConvertError where none is left, or `likeness` cannot be run.
    """
    command = find_likeness(likeness)
    names = read_list(images)
    chosen = [names[i * len(names) // most] for i in range(most)] if len(names) > most else names
    inputs: list[FloatArray] = []
    hashes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            try:
                path = located(name, images.parent)
                digest = hash_of(path)
                inputs.append(input_of(command, model, path, Path(folder)))
                hashes.append(digest)
            except ConvertError as error:
                warn(f"{error}; left out")
    if not inputs:
        raise ConvertError("has no picture that could be read", images)
    lines = "".join(f"{digest}\n" for digest in hashes)
    return Pictures(np.stack(inputs), hashlib.sha256(lines.encode()).hexdigest())


def find_likeness(likeness: str | None) -> str:
    """The command's path. Raises ConvertError."""
    found = shutil.which(likeness or "likeness")
    if found:
        return found
    if likeness:
        raise ConvertError(f"{likeness} is no command; --likeness names the likeness command")
    raise ConvertError("there is no likeness command on the PATH, which decodes the pictures; give --likeness")


def read_list(images: Path) -> list[str]:
    """The paths in a list, as `likeness extract` reads it: path, TAB or blank, label on each line.

    Raises ConvertError.
    """
    with about(images):
        data = images.read_bytes()
        if data.startswith(PICTURE_MAGICS):
            raise ConvertError("is a picture, not a list of pictures")
        try:
            lines = data.decode("utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise ConvertError("is no list of pictures: it is not UTF-8") from error
        if b"\0" in data:
            raise ConvertError("is no list of pictures: it holds a byte of 0")
        names = [path_of(line.removesuffix("\r")) for line in lines if line.strip()]
        if not names:
            raise ConvertError("is a list without pictures")
    return names


def path_of(line: str) -> str:
    """A line without its label, which follows the last TAB, or the last blank if it is a whole number."""
    if "\t" in line:
        return line.rpartition("\t")[0]
    path, _, label = line.rpartition(" ")
    return path.rstrip() if path and label.lstrip("-").isdigit() else line


def located(path: str, folder: Path) -> Path:
    """The file from the working folder, then beside the list, then both again with / for \\. Raises ConvertError."""
    candidates = [base / name for name in (path, path.replace("\\", "/")) for base in (Path(), folder)]
    with about(Path(path)):
        return next((candidate for candidate in candidates if candidate.exists()), Path(path))


def hash_of(path: Path) -> str:
    """The SHA-256 of a picture's file. Raises ConvertError."""
    with about(path):
        if path.exists() and not path.is_file():
            raise ConvertError("is a folder or a device, not a file")
        return hashlib.sha256(path.read_bytes()).hexdigest()


def input_of(likeness: str, model: Path, picture: Path, folder: Path) -> FloatArray:
    """[h, w, 3], as the network gets it. Raises ConvertError where `likeness` cannot read the picture."""
    command = [likeness, "trace", "--fused", "-o", str(folder / "trace"), "--", str(model), str(picture)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")
        pixels: FloatArray = np.load(folder / "trace" / "input.npy", allow_pickle=False)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"{likeness} ended with {error.returncode}"]
        raise ConvertError(lines[-1].removeprefix("likeness trace: ")) from error
    except (OSError, ValueError) as error:
        raise ConvertError(f"{likeness} gave no input for it: {error}", picture) from error
    return pixels
