"""examples/study/compare.py passes what the study's replay may differ in, and fails on everything beyond."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

COMPARE = Path(__file__).resolve().parents[2] / "examples" / "study" / "compare.py"
KINDS = ("semantic", "semantic_softmax", "pooled_eval", "pooled_as_listed")
QUERIES, ROWS, VALUES, TOP = 5, 30, 16, 10
LINE = "评估完毕,模型的 mAP@1 = {:.2f}%, mAP@5 = {:.2f}%, mAP@10 = {:.2f}%。"


def cosines_of(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(gallery, axis=1)
    return (queries @ gallery.T / lengths).astype(np.float32)


def write_hits(folder: Path, rankings: np.ndarray) -> None:
    lines = [json.dumps({"hits": [{"index": int(i)} for i in row[:TOP]]}) + "\n" for row in rankings]
    (folder / "hits.jsonl").write_text("".join(lines))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """What a replay and Paddle would have written, alike: TMP/ours and TMP/reference, a folder a kind."""
    generator = np.random.default_rng(3)
    for kind in KINDS:
        queries, gallery = (generator.normal(size=(n, VALUES)).astype(np.float32) for n in (QUERIES, ROWS))
        gallery[7] = gallery[11]  # two rows that are tied for every query
        cosines = cosines_of(queries, gallery)
        for side in ("ours", "reference"):
            folder = tmp_path / side / kind
            folder.mkdir(parents=True)
            np.save(folder / "query.npy", queries)
            np.save(folder / "gallery.npy", gallery)
            (folder / "line.txt").write_text(LINE.format(40, 50, 60) + "\n", encoding="utf-8")
        np.save(tmp_path / "reference" / kind / "cosines.npy", cosines)
        write_hits(tmp_path / "ours" / kind, np.argsort(-cosines, axis=1, kind="stable"))  # ties: the lower first
    return tmp_path


def run(study: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(COMPARE), str(study / "ours"), str(study / "reference"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_equal_results_pass_and_ties_count_as_equal(study: Path) -> None:
    result = run(study)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "DIFFERENT" not in result.stdout


def rank_another(folder: Path) -> None:
    """The fifth hit of the second query is one that is not among the ten."""
    rows = [json.loads(line) for line in (folder / "hits.jsonl").read_text().splitlines()]
    there = {hit["index"] for hit in rows[1]["hits"]}
    rows[1]["hits"][4]["index"] = next(i for i in range(ROWS) if i not in there | {7, 11})
    (folder / "hits.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def swap_two(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "hits.jsonl").read_text().splitlines()]
    hits = rows[0]["hits"]
    hits[0], hits[-1] = hits[-1], hits[0]
    (folder / "hits.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def name_one_twice(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "hits.jsonl").read_text().splitlines()]
    rows[0]["hits"][1] = rows[0]["hits"][0]
    (folder / "hits.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def lose_a_query(folder: Path) -> None:
    lines = (folder / "hits.jsonl").read_text().splitlines(keepends=True)
    (folder / "hits.jsonl").write_text("".join(lines[:-1]))


def last_digit(folder: Path) -> None:
    (folder / "line.txt").write_text(LINE.format(40, 50, 60.01) + "\n", encoding="utf-8")


def move_a_value(folder: Path) -> None:
    gallery = np.load(folder / "gallery.npy")
    gallery[3, 2] += 2e-4 * abs(gallery).max()
    np.save(folder / "gallery.npy", gallery)


def turn_a_row(folder: Path) -> None:
    gallery = np.load(folder / "gallery.npy")
    gallery[3, 2] += 0.02 * np.linalg.norm(gallery[3])
    np.save(folder / "gallery.npy", gallery)


def put_nan(folder: Path) -> None:
    queries = np.load(folder / "query.npy")
    queries[0, 0] = np.nan
    np.save(folder / "query.npy", queries)


def lose_a_row(folder: Path) -> None:
    np.save(folder / "gallery.npy", np.load(folder / "gallery.npy")[:-1])


def lose_the_features(folder: Path) -> None:
    (folder / "query.npy").unlink()


def lose_the_kind(folder: Path) -> None:
    shutil.rmtree(folder)


EVERYWHERE = [turn_a_row, put_nan, lose_a_row, lose_a_query, lose_the_features, lose_the_kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("harm", EVERYWHERE)
def test_broken_results_fail(study: Path, kind: str, harm: Callable[[Path], None]) -> None:
    harm(study / "ours" / kind)
    assert run(study).returncode != 0


@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("harm", [rank_another, swap_two, name_one_twice, last_digit, move_a_value])
def test_small_differences_fail(study: Path, kind: str, harm: Callable[[Path], None]) -> None:
    harm(study / "ours" / kind)
    result = run(study)
    assert result.returncode == 1
    assert result.stdout.count("DIFFERENT") == 1


@pytest.mark.parametrize(("figures", "code"), [((60, 30, 80), 0), ((60.02, 50, 60), 1), ((40, 29.98, 60), 1)])
def test_what_amplifies_rounding_may_move_by_one_query(study: Path, figures: tuple[float, ...], code: int) -> None:
    folder = study / "ours" / "pooled_as_listed"
    swap_two(folder)
    (folder / "line.txt").write_text(LINE.format(*figures) + "\n", encoding="utf-8")
    assert run(study).returncode == code


def test_known_lines_are_compared_too(study: Path) -> None:
    lines = {kind: {"stable_sort": LINE.format(40, 50, 60)} for kind in KINDS}
    golden = study / "golden.json"
    golden.write_text(json.dumps({"lines": lines}))
    assert run(study, "--golden", str(golden)).returncode == 0
    lines["semantic"]["stable_sort"] = LINE.format(40, 50, 61)
    golden.write_text(json.dumps({"lines": lines}))
    assert run(study, "--golden", str(golden)).returncode == 1
