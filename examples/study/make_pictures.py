#!/usr/bin/env python3
"""Draws examples/study/pictures: a data set in the study's layout, small enough to be kept with the project.

    pip install 'numpy<2' opencv-python-headless==4.10.0.84
    python examples/study/make_pictures.py

Twelve kinds of drawing, in colours, places, sizes and turns by chance from a fixed seed: four pictures of each kind in
the gallery (trainval.txt), one among the queries (test.txt).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

FOLDER = Path(__file__).resolve().parent / "pictures"
SEED, GALLERY, QUERIES = 28, 4, 1

Array = Any  # NumPy's
Mask = Callable[[Array, Array, float], Array]  # places (u, v) in units of the drawing's size, period


def corners(count: int, reach: float) -> Mask:
    """The inside of a regular polygon."""

    def mask(u: Array, v: Array, _: float) -> Array:
        part = 2 * np.pi / count
        return np.hypot(u, v) * np.cos(np.arctan2(v, u) % part - part / 2) < reach

    return mask


KINDS: dict[str, tuple[str, Mask]] = {
    "circle": ("圆", lambda u, v, _: np.hypot(u, v) < 1),
    "triangle": ("三角", corners(3, 0.5)),
    "square": ("方", corners(4, 0.7)),
    "pentagon": ("五边", corners(5, 0.8)),
    "star": ("星", lambda u, v, _: np.hypot(u, v) < 0.6 + 0.4 * np.cos(5 * np.arctan2(v, u))),
    "ring": ("环", lambda u, v, _: abs(np.hypot(u, v) - 0.8) < 0.2),
    "cross": ("十字", lambda u, v, _: (np.minimum(abs(u), abs(v)) < 0.25) & (np.maximum(abs(u), abs(v)) < 1)),
    "frame": ("框", lambda u, v, _: abs(np.maximum(abs(u), abs(v)) - 0.75) < 0.2),
    "stripes": ("条纹", lambda u, _, period: u // period % 2 == 0),
    "checks": ("方格", lambda u, v, period: (u // period + v // period) % 2 == 0),
    "dots": ("点", lambda u, v, period: np.hypot(u % (2 * period) - period, v % (2 * period) - period) < 0.6 * period),
    "waves": ("波", lambda u, v, period: (v + 0.15 * np.sin(8 * u)) // period % 2 == 0),
}


def draw(mask: Mask, chance: np.random.Generator) -> Array:
    height, width = (int(side) for side in chance.integers(100, 201, 2))
    ground, ink = (chance.integers(low, low + 110, 3) for low in (140, 10))
    y, x = np.indices((height, width))
    size, turn = min(width, height) * chance.uniform(0.28, 0.42), chance.uniform(-0.4, 0.4)
    x, y = (x - width * chance.uniform(0.42, 0.58)) / size, (y - height * chance.uniform(0.42, 0.58)) / size
    u, v = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    inked = mask(u, v, chance.uniform(0.3, 0.6))[:, :, np.newaxis]
    grain = chance.normal(0, 3, (height, width, 3))
    return np.clip(np.where(inked, ink, ground) + grain, 0, 255).astype(np.uint8)


def main() -> None:
    chance = np.random.default_rng(SEED)
    lists: dict[str, list[str]] = {"trainval.txt": [], "test.txt": []}
    for label, (kind, (_, mask)) in enumerate(KINDS.items()):
        (FOLDER / kind).mkdir(parents=True, exist_ok=True)
        for number in range(GALLERY + QUERIES):
            name = f"{kind}/{number}.jpg"
            cv2.imwrite(str(FOLDER / name), draw(mask, chance), [cv2.IMWRITE_JPEG_QUALITY, 80])
            lists["trainval.txt" if number < GALLERY else "test.txt"].append(f"{name}\t{label}\n")
    for name, lines in lists.items():
        (FOLDER / name).write_text("".join(lines), encoding="utf-8")
    info = {
        "label_dict": {str(label): chinese for label, (chinese, _) in enumerate(KINDS.values())},
        "label_dict_en": {str(label): english for label, english in enumerate(KINDS)},
    }
    (FOLDER / "dataset_info.json").write_text(json.dumps(info, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
