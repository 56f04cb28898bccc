"""Fisher's linear discriminant, for pictures of which many show the same artwork."""

from __future__ import annotations

from typing import Any

import numpy as np
from folds import CLASSES, FOLDS, deal

Array = Any  # NumPy's


def discriminant(features: Array, labels: Array, works: Array, shrink: float) -> tuple[Array, Array]:
    """Weight [values, classes] and bias [classes] of logits.

    A class is the mean of its artworks, each of which counts once however many pictures show it. What varies is how one
    artwork looks from scene to scene, and how artworks of a class differ; both are what a new artwork brings.
    """
    names, work_of = np.unique(works, return_inverse=True)
    means = np.zeros([len(names), features.shape[1]])
    np.add.at(means, work_of, features)
    means /= np.bincount(work_of)[:, None]
    label_of = np.zeros(len(names), np.int64)
    label_of[work_of] = labels
    classes = np.stack([means[label_of == label].mean(0) for label in range(CLASSES)])
    scenes, artworks = features - means[work_of], means - classes[label_of]
    spread = scenes.T @ scenes / len(scenes) + artworks.T @ artworks / len(artworks)
    spread += shrink * spread.trace() / len(spread) * np.eye(len(spread))
    weight = np.linalg.solve(spread, classes.T)
    bias = -(classes.T * weight).sum(0) / 2
    # What all classes share changes no class, but every cosine between logits.
    return weight - weight.mean(1, keepdims=True), bias - bias.mean()


def best_scale(features: Array, labels: Array, works: Array, shrink: float) -> float:
    """What logits must be multiplied by so that their softmax is as sure of an unseen artwork as it may be."""
    folds = deal(labels, works)
    logits = np.zeros([len(labels), CLASSES])
    for fold in range(FOLDS):
        known, asked = folds != fold, folds == fold
        weight, bias = discriminant(features[known], labels[known], works[known], shrink)
        logits[asked] = features[asked] @ weight + bias
    return float(min(np.geomspace(1e-3, 10, 81), key=lambda scale: surprise(logits * scale, labels)))


def surprise(logits: Array, labels: Array) -> float:
    """The mean of -log softmax at the labels."""
    shifted = logits - logits.max(1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]).mean())
