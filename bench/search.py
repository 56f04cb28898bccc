"""Exact search by Likeness and FAISS over the same rows, in one process, taking turns, one thread each."""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np

COSINE, HAMMING = 0, 3
DIM, K = 1280, 10
HIT = np.dtype([("index", np.uint64), ("score", np.float32), ("unused", np.uint32)])


class Set(ctypes.Structure):
    """bench_set of bench/search_module.c."""

    _fields_ = (
        ("metric", ctypes.c_int),
        ("rows", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
        ("dim", ctypes.c_size_t),
        ("k", ctypes.c_size_t),
        ("threads", ctypes.c_size_t),
    )


class Likeness:
    """An index over `rows`, and memory for the hits of one set of queries."""

    def __init__(
        self, module: ctypes.CDLL, metric: int, rows: np.ndarray, queries: np.ndarray, threads: int, isa: str | None
    ) -> None:
        self.module, self.rows, self.queries = module, rows, queries
        self.handle = ctypes.create_string_buffer(256)
        self.hits = np.zeros((len(queries), K), HIT)
        self.found = np.zeros(len(queries), np.uint64)
        given = Set(metric, rows.ctypes.data, len(rows), DIM, K, threads)
        self.check(module.bench_open(ctypes.byref(given), isa.encode() if isa else None, self.handle))

    def check(self, failed: int) -> None:
        if failed:
            raise SystemExit(f"likeness: {self.module.bench_error().decode()}")

    def run(self) -> None:
        self.check(
            self.module.bench_search(
                self.handle,
                ctypes.c_void_p(self.queries.ctypes.data),
                ctypes.c_size_t(len(self.queries)),
                ctypes.c_void_p(self.hits.ctypes.data),
                ctypes.c_void_p(self.found.ctypes.data),
            )
        )

    def answer(self) -> tuple[np.ndarray, np.ndarray]:
        return self.hits["index"].astype(np.int64), self.hits["score"]

    def close(self) -> None:
        self.module.bench_close(self.handle)


class Faiss:
    """IndexFlatIP over normalized rows, or IndexBinaryFlat."""

    def __init__(self, metric: int, rows: np.ndarray, queries: np.ndarray) -> None:
        if metric == COSINE:
            self.index, self.queries = faiss.IndexFlatIP(DIM), unit_rows(queries)
            self.index.add(unit_rows(rows))
        else:
            self.index, self.queries = faiss.IndexBinaryFlat(DIM), queries
            self.index.add(rows)

    def run(self) -> None:
        self.scores, self.rows = self.index.search(self.queries, K)

    def answer(self) -> tuple[np.ndarray, np.ndarray]:
        return self.rows, self.scores


def unit_rows(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make(metric: int, count: int, queries: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian rows; queries are some of them with noise of a tenth; bits are signs."""
    random = np.random.default_rng(count)
    rows = random.standard_normal((count, DIM), np.float32)
    picked = rows[random.choice(count, queries, replace=False)]
    picked = picked + 0.1 * random.standard_normal(picked.shape, np.float32)
    if metric == COSINE:
        return rows, picked
    return np.packbits(rows > 0, axis=1), np.packbits(picked > 0, axis=1)


def same(ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray], tolerance: float) -> bool:
    """Equal scores, and equal rows where no other score is within the tolerance (FAISS breaks ties its own way)."""
    scores = ours[1]
    if np.abs(scores - theirs[1]).max() > tolerance:
        return False
    gaps = np.abs(np.diff(scores, axis=1)) > 2 * tolerance
    alone = np.ones(scores.shape, bool)
    alone[:, 1:] &= gaps
    alone[:, :-1] &= gaps
    alone[:, -1] = False  # the next score is not known
    return bool((ours[0] == theirs[0])[alone].all())


def milliseconds(run: Callable[[], None]) -> float:
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) / 1e6


def processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def measure(
    module: ctypes.CDLL, metric: int, count: int, queries: int, options: argparse.Namespace
) -> dict[str, object]:
    rows, asked = make(metric, count, queries)
    one = Likeness(module, metric, rows, asked, 1, options.isa)
    two = Likeness(module, metric, rows, asked, 2, options.isa)
    peer = Faiss(metric, rows, asked)
    for engine in (one, two, peer):
        engine.run()
    equal = same(one.answer(), peer.answer(), 1e-5 if metric == COSINE else 0)
    equal = equal and bool((one.hits == two.hits).all())
    times: dict[str, list[float]] = {"likeness": [], "faiss": [], "likeness_2_threads": []}
    for _ in range(options.rounds if queries > 1 else 8 * options.rounds):
        times["likeness"].append(milliseconds(one.run))
        times["faiss"].append(milliseconds(peer.run))
        times["likeness_2_threads"].append(milliseconds(two.run))
    one.close()
    two.close()
    least = {name: min(values) for name, values in times.items()}
    return {
        "metric": "cosine" if metric == COSINE else "hamming",
        "rows": count,
        "queries": queries,
        "min_ms": {name: round(value, 4) for name, value in least.items()},
        "times_faiss": round(least["faiss"] / least["likeness"], 3),
        "two_threads": round(least["likeness"] / least["likeness_2_threads"], 3),
        "equal": equal,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/search", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--isa", help="as --isa of the command")
    parser.add_argument("--module", type=Path, required=True)
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    module = ctypes.CDLL(str(options.module))
    module.bench_error.restype = ctypes.c_char_p
    work = [(COSINE, 7840, 660), (COSINE, 200000, 1), (HAMMING, 7840, 660), (HAMMING, 200000, 1)]
    results = [measure(module, metric, count, queries, options) for metric, count, queries in work]
    about = {"machine": processor_name(), "faiss": faiss.__version__, "dim": DIM, "k": K, "work": results}
    print(json.dumps(about, indent=2))
    return 0 if all(result["equal"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
