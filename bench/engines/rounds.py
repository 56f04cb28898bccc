"""Engines in turn, with a probe of the processor's peak between the turns, and what the times say."""

from __future__ import annotations

import ctypes
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engines.case import LeftOutError
from engines.process import Process

STRAY = 0.05  # a turn counts only where the probes around it are this near to the run's median
PAIRS = 10  # fewer that count are no result

Turn = Callable[[Process, int], list[float]]  # milliseconds a picture of one engine's turn in a round


class Probe:
    """GFLOP/s of multiply-adds now (bench/peak.c): of the slowest of the processors that the engines run on."""

    def __init__(self, path: Path, cpus: list[int]) -> None:
        self.peak, self.cpus, self.seen = ctypes.CDLL(str(path)).peak_gflops, cpus, []
        self.peak.restype = ctypes.c_double

    def __call__(self) -> float:
        figures = []
        for cpu in self.cpus:
            os.sched_setaffinity(0, {cpu})
            figures.append(self.peak())
        self.seen.append(min(figures))
        return self.seen[-1]

    def is_steady(self, figure: float) -> bool:
        """True as well where there is no probe."""
        median = statistics.median(self.seen)
        return abs(figure - median) <= STRAY * median


@dataclass
class Pair:
    """One of our turns and one of a peer's beside it, and the probes before, between and after."""

    ours: list[float]
    theirs: list[float]
    probes: list[float]

    def ratio(self) -> float:
        return statistics.median(self.theirs) / statistics.median(self.ours)

    def is_quiet(self, probe: Probe) -> bool:
        return all(map(probe.is_steady, self.probes))


@dataclass
class Results:
    probe: Probe
    pairs: dict[str, list[Pair]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def quiet(self, module: str) -> list[Pair]:
        return [pair for pair in self.pairs[module] if pair.is_quiet(self.probe)]

    def enough(self) -> bool:
        return all(len(self.quiet(module)) >= PAIRS for module in self.pairs)


def one_pair(ours: Process | None, peer: Process, number: int, turn: Turn, probe: Probe) -> Pair:
    """Who is first changes from round to round."""
    order = [process for process in (ours, peer) if process]
    if number % 2:
        order.reverse()
    probes, times = [probe()], {}
    for process in order:
        times[process.peer.module] = turn(process, number)
        probes.append(probe())
    return Pair(times[ours.peer.module] if ours else [], times[peer.peer.module], probes)


def measure(ours: Process | None, peers: list[Process], rounds: int, turn: Turn, probe: Probe) -> Results:
    """At least `rounds`, and up to ten times as many while a peer lacks quiet pairs. Each peer has one of our turns
    beside its own."""
    results = Results(probe, {peer.peer.module: [] for peer in peers})
    for number in range(10 * rounds):
        for peer in peers:
            module = peer.peer.module
            if module not in results.pairs:
                continue
            try:
                results.pairs[module].append(one_pair(ours, peer, number, turn, probe))
            except LeftOutError as error:
                if ours and ours.process.poll() is not None:
                    raise SystemExit(f"likeness: {error}") from error
                results.left_out[module] = str(error)
                del results.pairs[module]
        if number + 1 >= rounds and results.enough():
            break
        if sys.stderr.isatty():
            print(f"\rround {number + 1}", end="", file=sys.stderr)
    return results


def figures(turns: list[list[float]]) -> dict[str, float]:
    times = [time for turn in turns for time in turn]
    return {"min_ms": min(times), "median_ms": statistics.median(times)}


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def ratio(pairs: list[Pair], quiet: list[Pair]) -> dict:
    """Theirs over ours. With too few quiet pairs it is that of all of them, and `steady` is false."""
    steady = len(quiet) >= PAIRS
    values = [pair.ratio() for pair in (quiet if steady else pairs)]
    return {
        "median_of_pairs": statistics.median(values),
        "p10": percentile(values, 10),
        "p90": percentile(values, 90),
        "pairs": len(pairs),
        "quiet_pairs": len(quiet),
        "steady": steady,
    }


def summary(results: Results, ours: Process | None) -> dict:
    """For each engine its times, by quiet turns where there are enough; for each peer the ratio to ours."""
    engines: dict[str, dict] = {}
    of_ours: list[list[float]] = []
    for module, pairs in results.pairs.items():
        quiet = results.quiet(module)
        used = quiet if len(quiet) >= PAIRS else pairs
        engines[module] = figures([pair.theirs for pair in used])
        if ours:
            of_ours += [pair.ours for pair in used]
            engines[module]["times_likeness"] = ratio(pairs, quiet)
        engines[module]["turns"] = [
            {"probe_gflops": pair.probes, "quiet": pair.is_quiet(results.probe), "ms": pair.theirs, "ours_ms": pair.ours}
            for pair in pairs
        ]
    if ours and of_ours:
        engines = {ours.peer.module: figures(of_ours), **engines}
    seen = results.probe.seen
    peak = {"min": min(seen), "median": statistics.median(seen), "max": max(seen)}
    return {"engines": engines, "peak_gflops": peak}
