#!/usr/bin/env python3
"""Sets what replay wrote beside what reference.py wrote, and beside lines known from before.

    python compare.py LIKENESS REFERENCE [--golden GOLDEN.json]

The two folders have a folder for each kind of feature. What is asked for:

    features   the largest difference at most 1e-4 of the largest value; each row's cosine to Paddle's at least 0.99999
    top 10     the same for every query; rows whose cosines lie within 1e-5 of each other count as tied
    line       equal to the last digit

Pooled features as listed amplify rounding (Paddle itself prints another line in double precision): there the rankings
and the largest difference are told only, and each figure of the line must lie within one query's share.

Ends with 1 when something asked for is not so, or a file is missing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("semantic", "semantic_softmax", "pooled_eval", "pooled_as_listed")
ILL_CONDITIONED = "pooled_as_listed"
DEPARTURE, COSINE = 1e-4, 0.99999
TIE, TOP = 1e-5, 10
PRINTED = 0.01  # two decimals: half a unit on either side

Floats = Any  # NumPy's float32 arrays


@dataclass
class Row:
    kind: str
    departure: float
    cosine: float
    queries: int
    same: int
    tied: int
    ours: str
    reference: str
    golden: str | None
    is_good: bool


def departure(ours: Path, reference: Path) -> tuple[float, float]:
    """The largest difference as a part of the largest value, and the smallest cosine of a row with its own."""
    largest, least = 0.0, 1.0
    for side in ("query", "gallery"):
        got, want = (np.load(folder / f"{side}.npy").astype(np.float64) for folder in (ours, reference))
        if got.shape != want.shape:
            raise SystemExit(f"compare.py: {ours}/{side}.npy is {got.shape}, Paddle's {want.shape}")
        if not np.isfinite(got).all():
            raise SystemExit(f"compare.py: {ours}/{side}.npy holds NaN or infinity")
        largest = max(largest, float(abs(got - want).max() / abs(want).max()))
        lengths = np.linalg.norm(got, axis=1) * np.linalg.norm(want, axis=1)
        least = min(least, float(((got * want).sum(axis=1) / np.maximum(lengths, 1e-300)).min()))
    return largest, least


def rankings(ours: Path) -> list[list[int]]:
    lines = (ours / "hits.jsonl").read_text(encoding="utf-8").splitlines()
    return [[hit["index"] for hit in json.loads(line)["hits"]] for line in lines]


def matches(ranking: list[int], cosines: Floats) -> tuple[bool, bool]:
    """Whether the top ten are the reference's in its order; and whether they are where ties are let pass."""
    wanted = np.argsort(cosines, kind="stable")[::-1][:TOP]
    if len(set(ranking)) != len(wanted):
        return False, False
    apart = abs(cosines[ranking] - cosines[wanted])
    return ranking == wanted.tolist(), bool(apart.max() <= TIE)


def figures(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"= ([\d.]+)%", line)]


def is_near(line: str, other: str, share: float) -> bool:
    a, b = figures(line), figures(other)
    return len(a) == len(b) == 3 and all(abs(x - y) <= share + PRINTED for x, y in zip(a, b, strict=True))


def compare(kind: str, ours: Path, reference: Path, golden: str | None) -> Row:
    found, cosines = rankings(ours), np.load(reference / "cosines.npy")
    if len(found) != len(cosines):
        raise SystemExit(f"compare.py: {ours} has rankings of {len(found)} queries, Paddle of {len(cosines)}")
    judged = [matches(ranking, row) for ranking, row in zip(found, cosines, strict=True)]
    same = sum(exact for exact, _ in judged)
    tied = sum(within and not exact for exact, within in judged)
    lines = [(folder / "line.txt").read_text(encoding="utf-8").strip() for folder in (ours, reference)]
    others = [lines[1]] if golden is None else [lines[1], golden]
    largest, least = departure(ours, reference)
    is_good = least >= COSINE
    if kind == ILL_CONDITIONED:
        is_good &= all(is_near(lines[0], other, 100 / len(found)) for other in others)
    else:
        is_good &= largest <= DEPARTURE and same + tied == len(found) and all(lines[0] == other for other in others)
    return Row(kind, largest, least, len(found), same, tied, lines[0], lines[1], golden, is_good)


def show(row: Row) -> None:
    print(
        f"{row.kind:17} {row.departure:9.1e}   {row.cosine:11.8f}   "
        f"{row.same:4} + {row.tied:3} tied of {row.queries:4}   {'ok' if row.is_good else 'DIFFERENT'}"
    )
    names = {"Likeness": row.ours, "Paddle": row.reference, "known": row.golden}
    for name, line in names.items():
        if line is not None:
            print(f"    {name:9} {line}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("likeness", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--golden", type=Path, help="JSON with lines.KIND.stable_sort")
    options = parser.parse_args()
    known = json.loads(options.golden.read_text(encoding="utf-8"))["lines"] if options.golden else {}
    print(f"{'feature':17} {'departs':>9}   {'cosine':>11}   {'same top 10':25}")
    rows = [
        compare(kind, options.likeness / kind, options.reference / kind, known.get(kind, {}).get("stable_sort"))
        for kind in KINDS
    ]
    for row in rows:
        show(row)
    return 0 if all(row.is_good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
