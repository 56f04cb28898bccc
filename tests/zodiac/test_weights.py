"""weights/zodiac.safetensors: what it says of itself, and that its card tells the truth about the shipped pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

safetensors = pytest.importorskip(
    "safetensors", reason="safetensors is not there: scripts/test runs these tests with it"
)

ROOT = Path(__file__).resolve().parents[2]
ZODIAC, WEIGHTS = ROOT / "examples" / "zodiac", ROOT / "weights" / "zodiac.safetensors"
LIKENESS = ROOT / "build" / "release" / "likeness"
sys.path.insert(0, str(ZODIAC))
import discriminant  # noqa: E402
import folds  # noqa: E402

ONE_QUERY = 1 / 60  # another processor's rounding may change a place


def test_the_file_says_how_it_was_trained() -> None:
    info = json.loads((ZODIAC / "pictures" / "dataset_info.json").read_text("utf-8"))
    with safetensors.safe_open(WEIGHTS, "numpy") as file:
        metadata = file.metadata()
        assert {file.get_tensor(name).dtype for name in file.keys()} == {np.dtype(np.float16)}  # noqa: SIM118
    assert (metadata["padding"], metadata["bn_epsilon"]) == ("keras-same", "0.001")
    assert json.loads(metadata["preprocess"])["size"] == [160, 160]
    assert json.loads(metadata["labels"]) == list(info["label_dict"].values())
    assert json.loads(metadata["labels_en"]) == list(info["label_dict_en"].values())


def rows_of(text: str) -> dict[str, list[float]]:
    """Feature → figures, of a Markdown table; empty cells are left out."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return {cells[0]: [float(cell) for cell in cells[1:] if cell] for cells in lines[2:]}


@pytest.mark.skipif(not LIKENESS.is_file(), reason="build/release/likeness is not there: the card is not tested")
def test_the_card_has_the_figures_of_the_shipped_pictures() -> None:
    card = (ROOT / "weights" / "zodiac.md").read_text("utf-8")
    told = rows_of(card[card.index("| feature, shipped pictures") :].split("\n\n")[0])
    command = [sys.executable, ZODIAC / "evaluate.py", "split", "--likeness", LIKENESS, WEIGHTS]
    lists = [ZODIAC / "pictures" / name for name in ("trainval.txt", "test.txt")]
    done = subprocess.run([*command, *lists], check=True, capture_output=True, text=True)
    measured = rows_of(done.stdout)
    assert told.keys() == measured.keys() == {"pooled", "logits", "fused", "hash"}
    for feature, figures in measured.items():
        assert np.allclose(told[feature], figures, rtol=0, atol=ONE_QUERY + 5e-4), feature


def test_folds_part_no_artwork_and_share_every_class() -> None:
    pictures = folds.read_pictures(ZODIAC / "pictures")
    fold_of = dict.fromkeys(pictures.works, -1)
    for work, fold in zip(pictures.works, pictures.folds(), strict=True):
        assert fold_of[work] in (-1, fold)
        fold_of[work] = int(fold)
    label_of = dict(zip(pictures.works, pictures.labels, strict=True))
    for label in range(12):
        counts = np.bincount([fold for work, fold in fold_of.items() if label_of[work] == label], minlength=5)
        assert counts.max() - counts.min() <= 1


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels and artworks: twelve classes of five artworks with four pictures each."""
    rng = np.random.default_rng(3)
    labels, works = np.repeat(np.arange(12), 20), np.repeat([f"artwork {n:02}" for n in range(60)], 4)
    classes, artworks = rng.normal(0, 2, [12, 6]), rng.normal(0, 1, [60, 6])
    return classes[labels] + artworks.repeat(4, axis=0) + rng.normal(0, 0.5, [240, 6]), labels, works


def test_the_discriminant_is_fishers(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Class by nearest mean, in the metric in which what varies within a class is round."""
    features, labels, works = drawn
    weight, bias = discriminant.discriminant(features, labels, works, shrink=0.1)
    means = features.reshape(12, 20, 6).mean(1)
    scenes = features.reshape(60, 4, 6) - features.reshape(60, 4, 6).mean(1, keepdims=True)
    artworks = features.reshape(12, 5, 4, 6).mean(2) - means[:, None]
    spread = sum(np.cov(part.reshape(-1, 6), rowvar=False, bias=True) for part in (scenes, artworks))
    spread += 0.1 * np.trace(spread) / 6 * np.eye(6)
    apart = features[:, None] - means
    distances = np.einsum("nci,ij,ncj->nc", apart, np.linalg.inv(spread), apart)
    logits = features @ weight + bias
    assert np.allclose(logits - logits[:, :1], (distances[:, :1] - distances) / 2)
    assert np.allclose(logits.sum(1), 0)


def test_an_artwork_counts_once(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    features, labels, works = drawn
    rows = np.concatenate([np.arange(240), np.arange(40, 44).repeat(50)])  # one artwork fifty times more
    first, _ = discriminant.discriminant(features, labels, works, shrink=1e6)  # so that means alone decide
    again, _ = discriminant.discriminant(features[rows], labels[rows], works[rows], shrink=1e6)
    assert np.allclose(first / np.linalg.norm(first), again / np.linalg.norm(again), atol=1e-4)


def test_the_scale_is_the_least_surprised(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scale = discriminant.best_scale(*drawn, shrink=0.1)
    folds_of, logits = folds.deal(drawn[1], drawn[2]), np.zeros([240, 12])
    for fold in range(5):
        known = folds_of != fold
        weight, bias = discriminant.discriminant(*(part[known] for part in drawn), shrink=0.1)
        logits[~known] = drawn[0][~known] @ weight + bias
    rows = np.arange(240), drawn[1]

    def surprise(factor: float) -> float:
        odds = np.exp(logits * scale * factor)
        return float(-np.log(odds[rows] / odds.sum(1)).mean())

    assert surprise(1) < min(surprise(0.8), surprise(1.25))
