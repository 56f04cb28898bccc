"""The peers' way from a file to pixels."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from engines import network
from engines.case import Case

Look = Callable[[str], np.ndarray]


def normalization(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation, RGB, in units of 1."""
    how = network.preprocessing(Path(case.model))
    return np.array(how["mean"], np.float32), np.array(how["std"], np.float32)


def pixels(case: Case, file: str) -> np.ndarray:
    """uint8 BGR [height][width][3]."""
    return cv2.resize(cv2.imread(file, cv2.IMREAD_COLOR), (case.width, case.height))


def look(case: Case, files: list[str], extract: Callable[[list[str]], np.ndarray]) -> dict:
    """An answer to the worker's "look": features, and a sum over the pixels that they were made from."""
    rgb = [np.ascontiguousarray(pixels(case, file)[..., ::-1]) for file in files]
    return {"rows": extract(files).astype(np.float64).tolist(), "pixels": [zlib.crc32(p.tobytes()) for p in rgb]}


class Threads:
    """Files dealt to threads, one a lane; OpenCV, OpenVINO and Likeness let go of Python's lock while they work."""

    def __init__(self, lanes: Sequence[Look]) -> None:
        cv2.setNumThreads(1)
        self.lanes, self.pool = lanes, ThreadPoolExecutor(len(lanes))

    def lane(self, number: int, files: list[str]) -> list[np.ndarray]:
        return [self.lanes[number](file) for file in files[number :: len(self.lanes)]]

    def extract(self, files: list[str]) -> np.ndarray:
        count = len(self.lanes)
        if count == 1:
            return np.stack(self.lane(0, files))
        parts = list(self.pool.map(self.lane, range(count), [files] * count))
        return np.stack([parts[i % count][i // count] for i in range(len(files))])
