#!/usr/bin/env python3
"""The study's own procedure, in Paddle 2.6.2 and OpenCV: features, rankings and the line that it prints.

    python reference.py FOLDER PREFIX OUT

FOLDER is a data set in the study's layout (trainval.txt, test.txt), PREFIX the weights as paddle.jit.save wrote them.
For each kind of feature OUT/KIND gets query.npy, gallery.npy, cosines.npy [queries, gallery] and line.txt:

    semantic           the classifier's outputs
    semantic_softmax   their softmax, on both sides
    pooled_eval        the average-pooled last map, 1,280 values
    pooled_as_listed   the same without eval(): batch norm then takes each picture's own statistics
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.random  # before Paddle 2.6, which trips over it otherwise
import paddle

MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
STD = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
SIZE = 227

Floats = Any  # NumPy's float32 arrays
Extract = Callable[[Any], Any]  # from a tensor [1, 3, 227, 227] to one with a row


def read_list(path: Path) -> list[tuple[Path, int]]:
    """(picture, label) of each line. Paths are relative to the list."""
    items = []
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if line.strip():
            name, label = line.split("\t") if "\t" in line else line.rsplit(None, 1)
            items.append((path.parent / name.strip().replace("\\", "/"), int(label)))
    return items


def preprocess(path: Path) -> Floats:
    picture = cv2.imread(str(path), 1)
    if picture is None:
        raise SystemExit(f"reference.py: {path}: OpenCV cannot read this picture")
    picture = cv2.resize(picture, (SIZE, SIZE))
    picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    values = picture.astype(np.float32).transpose(2, 0, 1) / 255
    return ((values - MEAN) / STD)[np.newaxis].astype(np.float32)


def features(items: list[tuple[Path, int]], extract: Extract) -> Floats:
    """One picture at a time, as the study has it: the batch is 1."""
    rows = []
    with paddle.no_grad():
        for number, (path, _) in enumerate(items, start=1):
            rows.append(extract(paddle.to_tensor(preprocess(path))).numpy().reshape(-1))
            if number % 10 == 0 or number == len(items):
                print(f"已处理{number}/{len(items)}幅图片.")
    matrix = np.stack(rows)
    print(f"...处理完毕,特征维度:{matrix.shape}。")
    return matrix


def semantic(prefix: str) -> Extract:
    network = paddle.jit.load(prefix)
    network.eval()
    return network


def pooled(prefix: str, as_listed: bool) -> Extract:
    """The study's second model: 1,280 classes, so that the classifier's weights do not fit and are skipped, and a
    forward pass that ends before it."""
    weights = paddle.load(prefix)
    scale = weights["features.0.0.weight"].shape[0] / 32
    network = paddle.vision.models.mobilenet_v2(scale=scale, num_classes=1280)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Skip loading for classifier.1.weight
        network.set_state_dict(weights)
    if not as_listed:
        network.eval()

    def forward(x: Any) -> Any:
        return network.pool2d_avg(network.features(x)).flatten(1)

    return forward


def all_cosines(queries: Floats, gallery: Floats) -> Floats:
    rows = paddle.to_tensor(gallery)
    each = [paddle.nn.functional.cosine_similarity(paddle.to_tensor(query[np.newaxis]), rows) for query in queries]
    return np.stack([cosines.numpy() for cosines in each])


def line(cosines: Floats, query_labels: Floats, gallery_labels: Floats) -> str:
    """The line, its mistakes included: "mAP" is a mean precision, and "mAP@1" reads the second hit."""
    scores = []
    for row, label in zip(cosines, query_labels, strict=True):
        ranking = np.argsort(row, kind="stable")[::-1]
        relevant = gallery_labels[ranking[:10]] == label
        scores.append([relevant[1], relevant[:5].mean(), relevant[:10].mean()])
    at_1, at_5, at_10 = np.mean(scores, axis=0) * 100
    return f"评估完毕,模型的 mAP@1 = {at_1:.2f}%, mAP@5 = {at_5:.2f}%, mAP@10 = {at_10:.2f}%。"


def write(folder: Path, queries: Floats, gallery: Floats, labels: tuple[Floats, Floats]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cosines = all_cosines(queries, gallery)
    text = line(cosines, *labels)
    for name, array in (("query", queries), ("gallery", gallery), ("cosines", cosines)):
        np.save(folder / f"{name}.npy", array)
    (folder / "line.txt").write_text(text + "\n", encoding="utf-8")
    print(f"{folder.name}: {text}")


def softmax(matrix: Floats) -> Floats:
    return paddle.nn.functional.softmax(paddle.to_tensor(matrix)).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("prefix")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    sides = [read_list(options.folder / name) for name in ("test.txt", "trainval.txt")]
    labels = (np.array([label for _, label in sides[0]]), np.array([label for _, label in sides[1]]))
    logits = [features(side, semantic(options.prefix)) for side in sides]
    write(options.out / "semantic", *logits, labels)
    write(options.out / "semantic_softmax", *map(softmax, logits), labels)
    for kind in ("pooled_eval", "pooled_as_listed"):
        extract = pooled(options.prefix, kind == "pooled_as_listed")
        write(options.out / kind, *(features(side, extract) for side in sides), labels)


if __name__ == "__main__":
    main()
