#!/usr/bin/env python3
"""The figures of weights/zodiac.md, as Markdown tables.

    evaluate.py split MODEL GALLERY.txt QUERIES.txt     a gallery and its queries, by `likeness extract` and `eval`
    evaluate.py photos MODEL LIST...                    each picture among the others of its list
    evaluate.py classes MODEL LIST dataset_info.json    the same, a row a class, by pooled features
    evaluate.py forms MODEL MODEL                       are tensors and settings the same?
    evaluate.py folds PICTURES OUTPUTS.npz...           five folds over artworks, by what train.py --fold wrote

Four features: pooled; logits; both, each of length 1, one behind the other ("fused"); the bits of pooled ("hash").
Accuracy is that of the largest logit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from folds import FOLDS, read_list, read_pictures
from safetensors import safe_open

FEATURES = {
    "pooled": ["--feature", "pooled"],
    "logits": ["--feature", "logits"],
    "fused": ["--feature", "pooled", "--feature", "logits", "--fuse", "series", "--part-l2"],
    "hash": ["--feature", "pooled", "--hash", "mean"],
}
METRICS = ["P@1", "P@5", "P@10", "mAP"]

Array = Any  # NumPy's
Figures = dict[str, float]


class EvaluateError(Exception):
    """What the user is told, in one line."""


class Likeness:
    """The command, and a folder for what it writes."""

    def __init__(self, command: str, folder: Path, options: list[str]) -> None:
        self.command, self.folder, self.options = command, folder, options

    def run(self, *words: object) -> str:
        try:
            done = subprocess.run([self.command, *map(str, words)], capture_output=True, text=True, check=False)
        except OSError as error:
            raise EvaluateError(f"{self.command}: {error.strerror}") from None
        if done.returncode:
            raise EvaluateError((done.stderr.strip() or f"{self.command} ends with {done.returncode}").splitlines()[-1])
        return done.stdout

    def extract(self, model: Path, pictures: Path, feature: str) -> Path:
        out = self.folder / f"{feature}-{len(list(self.folder.iterdir()))}.npy"
        self.run("extract", model, pictures, *FEATURES[feature], *self.options, "--strict", "-o", out)
        return out

    def judge(self, gallery: tuple[Path, Path], queries: tuple[Path, Path], *options: str) -> dict[str, Any]:
        """What `likeness eval` says of features and their lists, (features, list) each."""
        words = ["--gallery-features", gallery[0], "--gallery-labels", gallery[1], queries[0], "--labels", queries[1]]
        document: dict[str, Any] = json.loads(self.run("eval", *words, "--bootstrap", 0, "--json", *options))
        return document

    def figures(self, gallery: tuple[Path, Path], queries: tuple[Path, Path], *options: str) -> Figures:
        metrics = {m["name"]: m["value"] for m in self.judge(gallery, queries, *options)["metrics"]}
        return {name: metrics[name] for name in METRICS}

    def judge_arrays(self, gallery: tuple[Array, Array], queries: tuple[Array, Array]) -> Figures:
        """`figures` of (features, labels) in memory."""
        sides = []
        for name, (features, labels) in (("gallery", gallery), ("queries", queries)):
            np.save(self.folder / f"{name}.npy", features)
            lines = [f"{row}\t{label}\n" for row, label in enumerate(labels)]
            (self.folder / f"{name}.txt").write_text("".join(lines), "utf-8")
            sides.append((self.folder / f"{name}.npy", self.folder / f"{name}.txt"))
        return self.figures(sides[0], sides[1])


def compare_forms(one: Path, other: Path) -> None:
    """Raises EvaluateError where two model files differ in more than where they come from."""
    with safe_open(one, "numpy") as a, safe_open(other, "numpy") as b:
        metadata = [{key: value for key, value in file.metadata().items() if key != "source"} for file in (a, b)]
        if metadata[0] != metadata[1]:
            raise EvaluateError(f"{other} has other settings than {one}: {metadata}")
        names = set(a.keys())
        if names != set(b.keys()) or not all(np.array_equal(a.get_tensor(n), b.get_tensor(n)) for n in names):
            raise EvaluateError(f"{other} has other tensors than {one}")
    print(f"{one} and {other}: the same {len(names)} tensors and settings")


def accuracy(logits: Array, labels: Array) -> float:
    return float((logits.argmax(1) == labels).mean())


def split(likeness: Likeness, model: Path, gallery: Path, queries: Path) -> None:
    heading("feature")
    for feature in FEATURES:
        sides = [(likeness.extract(model, pictures, feature), pictures) for pictures in (gallery, queries)]
        right = accuracy(np.load(sides[1][0]), read_list(queries)[1]) if feature == "logits" else None
        row(feature, likeness.figures(sides[0], sides[1]), right)


def photos(likeness: Likeness, model: Path, lists: list[Path]) -> None:
    classes = json.loads(likeness.run("info", model, "--json"))["classes"]
    heading("photographs, feature")
    for pictures in lists:
        for feature in FEATURES:
            side = (likeness.extract(model, pictures, feature), pictures)
            labels, right = read_list(pictures)[1], None
            if feature == "logits" and labels.max() + 1 == classes:  # the list has the model's own classes
                right = accuracy(np.load(side[0]), labels)
            row(f"{pictures.stem}, {feature}", likeness.figures(side, side, "--leave-one-out"), right)


def by_class(likeness: Likeness, model: Path, pictures: Path, info: Path) -> None:
    names = json.loads(info.read_text("utf-8"))["label_dict_en"]
    labels = read_list(pictures)[1]
    logits = np.load(likeness.extract(model, pictures, "logits"))
    side = (likeness.extract(model, pictures, "pooled"), pictures)
    heading("class, photographs")
    for entry in likeness.judge(side, side, "--leave-one-out", "--per-class")["classes"]:
        its = labels == entry["label"]
        row(f"{names[str(entry['label'])]}, {its.sum()}", entry["metrics"], accuracy(logits[its], labels[its]))


def folds(likeness: Likeness, folder: Path, outputs: list[Path]) -> None:
    if len(outputs) != FOLDS:
        raise EvaluateError(f"{len(outputs)} files, and there are {FOLDS} folds")
    pictures = read_pictures(folder)
    fold_of, found = pictures.folds(), {feature: [] for feature in FEATURES}
    right: list[float] = []
    for fold, path in enumerate(outputs):
        arrays = np.load(path)
        query = fold_of == fold
        right.append(accuracy(arrays["logits"][query], pictures.labels[query]))
        for feature, values in features_of(arrays["pooled"], arrays["logits"]).items():
            sides = [(values[rows], pictures.labels[rows]) for rows in (~query, query)]
            found[feature].append(likeness.judge_arrays(sides[0], sides[1]))
    heading("feature, five folds")
    for feature, figures in found.items():
        cells = [spread([each[name] for each in figures]) for name in METRICS]
        print(f"| {feature} | {' | '.join(cells)} | {spread(right) if feature == 'logits' else ''} |")


def features_of(pooled: Array, logits: Array) -> dict[str, Array]:
    """What `FEATURES` asks `likeness extract` for, from a training's own outputs."""
    sigmoid = 1 / (1 + np.exp(-pooled))
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (pooled, logits)]
    return {
        "pooled": pooled,
        "logits": logits,
        "fused": np.concatenate(unit, axis=1),
        "hash": np.packbits(sigmoid >= sigmoid.mean(1, keepdims=True), axis=1),
    }


def spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def heading(first: str) -> None:
    print(f"\n| {first} | {' | '.join(METRICS)} | accuracy |")
    print("| --- |" + " --- |" * (len(METRICS) + 1))


def row(name: str, figures: Figures, right: float | None) -> None:
    cells = [f"{figures[metric]:.3f}" for metric in METRICS]
    print(f"| {name} | {' | '.join(cells)} | {'' if right is None else f'{right:.3f}'} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["split", "photos", "classes", "folds", "forms"])
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--likeness", default="likeness", help="the command (%(default)s)")
    parser.add_argument("--size", help="input height and width, where it is not to be the model's")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        likeness = Likeness(wanted.likeness, Path(folder), ["--size", wanted.size] if wanted.size else [])
        first, *others = wanted.files
        if wanted.what == "folds":
            folds(likeness, first, others)
        elif wanted.what == "forms" and len(others) == 1:
            compare_forms(first, others[0])
        elif wanted.what == "split" and len(others) == 2:
            split(likeness, first, *others)
        elif wanted.what == "photos" and others:
            photos(likeness, first, others)
        elif wanted.what == "classes" and len(others) == 2:
            by_class(likeness, first, *others)
        else:
            parser.error(f"{wanted.what} takes other files: see --help")


if __name__ == "__main__":
    try:
        main()
    except (EvaluateError, OSError, ValueError) as error:
        sys.exit(f"evaluate.py: {error}")
