"""The lists of a zodiac data set, and its artworks dealt to five folds: what train.py and evaluate.py must agree on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CLASSES, FOLDS, SEED = 12, 5, 12

Array = Any  # NumPy's


@dataclass(frozen=True)
class Pictures:
    """A row a picture: the gallery's first, then the queries'."""

    paths: list[Path]
    labels: Array  # [n]
    works: list[str]
    in_gallery: Array  # [n], bool

    def folds(self) -> Array:
        return deal(self.labels, self.works)


def deal(labels: Array, works: Iterable[str]) -> Array:
    """[n] of 0 … 4. All pictures of an artwork are in one fold, and each class is dealt as evenly as can be."""
    fold_of: dict[str, int] = {}
    label_of = dict(zip(works, labels, strict=True))
    rng = np.random.default_rng(SEED)
    for label in np.unique(labels):
        its = sorted(work for work in label_of if label_of[work] == label)
        for at, work in enumerate(rng.permutation(its)):
            fold_of[str(work)] = (at + int(label)) % FOLDS  # so that no fold gets all the rests
    return np.array([fold_of[work] for work in works])


def read_list(path: Path) -> tuple[list[str], Array]:
    """Paths and labels of `path TAB label` lines."""
    rows = read_rows(path)
    if not all(label.isdecimal() for _, label in rows):
        raise ValueError(f"{path}: a label is no number")
    return [name for name, _ in rows], np.array([int(label) for _, label in rows])


def read_rows(path: Path) -> list[list[str]]:
    """Two columns with a TAB between them."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    for number, row in enumerate(rows, 1):
        if len(row) != 2:
            raise ValueError(f"{path}:{number}: {len(row)} columns, where two are needed")
    return rows


def read_pictures(folder: Path) -> Pictures:
    """The data set that make_pictures.py built in `folder`."""
    work_of = dict(read_rows(folder / "works.tsv"))
    gallery, gallery_labels = read_list(folder / "trainval.txt")
    queries, query_labels = read_list(folder / "test.txt")
    names = gallery + queries
    unknown = [name for name in names if name not in work_of]
    if unknown:
        raise ValueError(f"{folder / 'works.tsv'}: no artwork for {unknown[0]}")
    return Pictures(
        [folder / name for name in names],
        np.concatenate([gallery_labels, query_labels]),
        [work_of[name] for name in names],
        np.arange(len(names)) < len(gallery),
    )
