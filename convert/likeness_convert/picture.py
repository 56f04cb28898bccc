"""A picture for --verify to look at, and the few lines of PNG that carry it to the engine."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB8 = struct.pack(">BBBBB", 8, 2, 0, 0, 0)  # bits, colour type, and the only methods that PNG has


def drawn_picture(height: int, width: int, seed: int) -> npt.NDArray[np.uint8]:
    """[height, width, 3]: colour waves and noise, the same for the same seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    picture = rng.normal(128, 12, [height, width, 3])
    for _ in range(6):
        fy, fx, phase = rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), rng.uniform(0, 6.28)
        picture += np.sin(fy * y + fx * x + phase)[..., None] * rng.normal(0, 35, 3)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def write_png(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """Writes RGB [height, width, 3]; every row with filter 0, none."""
    height, width, _ = picture.shape
    rows = np.concatenate([np.zeros([height, 1], np.uint8), picture.reshape(height, width * 3)], axis=1)
    header = struct.pack(">II", width, height) + RGB8
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    path.write_bytes(PNG_SIGNATURE + b"".join(chunk(kind, data) for kind, data in chunks))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Length, kind, data, checksum of the last two."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
