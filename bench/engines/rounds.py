"""Engines in turn, with a probe of the processor's peak between the turns, and what the times say."""

from __future__ import annotations

import ctypes
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engines.case import LeftOutError
from engines.process import Process

STRAY = 0.05  # a pair counts only where the probes around its turns are this near to the run's median
WAIT = 0.02  # and where others kept neither turn's threads from running for more than this share of it
PAIRS = 10  # fewer that count are no result


@dataclass
class Sample:
    """One turn of an engine."""

    ms: list[float]  # a picture, one a run
    waited: float  # for a processor, as a share of the turn


Turn = Callable[[Process, int], Sample]  # of an engine in a round


class Probe:
    """GFLOP/s of multiply-adds now (layers/probe.c): of the slowest of the processors that the engines run on."""

    def __init__(self, path: Path, cpus: list[int]) -> None:
        self.cpus = cpus
        self.seen: list[float] = []
        self.peak = ctypes.CDLL(str(path)).peak_gflops
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

    ours: Sample | None
    theirs: Sample
    gflops: list[float]

    def ratio(self) -> float | None:
        return statistics.median(self.theirs.ms) / statistics.median(self.ours.ms) if self.ours else None

    def is_quiet(self, probe: Probe) -> bool:
        waited = max(sample.waited for sample in (self.ours, self.theirs) if sample)
        return waited <= WAIT and all(map(probe.is_steady, self.gflops))


@dataclass
class Results:
    probe: Probe
    pairs: dict[str, list[Pair]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def quiet(self, name: str) -> list[Pair]:
        return [pair for pair in self.pairs[name] if pair.is_quiet(self.probe)]

    def enough(self) -> bool:
        return all(len(self.quiet(name)) >= PAIRS for name in self.pairs)


def one_pair(ours: Process | None, peer: Process, number: int, turn: Turn, probe: Probe) -> Pair:
    """Who is first changes from round to round."""
    order = [process for process in (ours, peer) if process]
    if number % 2:
        order.reverse()
    gflops, samples = [probe()], {}
    for process in order:
        try:
            samples[process.peer.name] = turn(process, number)
        except LeftOutError as error:
            if process is ours:
                raise SystemExit(f"bench/peers: likeness: {error}") from error
            raise
        gflops.append(probe())
    return Pair(samples[ours.peer.name] if ours else None, samples[peer.peer.name], gflops)


def measure(ours: Process | None, peers: list[Process], rounds: int, turn: Turn, probe: Probe) -> Results:
    """At least `rounds`, and up to ten times as many while a peer lacks quiet pairs. Each peer has one of our turns
    beside its own."""
    results = Results(probe, {peer.peer.name: [] for peer in peers})
    for number in range(10 * rounds):
        for peer in peers:
            name = peer.peer.name
            if name not in results.pairs:
                continue
            try:
                results.pairs[name].append(one_pair(ours, peer, number, turn, probe))
            except LeftOutError as error:
                results.left_out[name] = str(error)
                del results.pairs[name]
        if number + 1 >= rounds and results.enough():
            break
        if sys.stderr.isatty():
            print(f"\rround {number + 1}", end="", file=sys.stderr)
    return results


def figures(samples: list[Sample]) -> dict[str, float]:
    times = [time for sample in samples for time in sample.ms]
    return {"min_ms": min(times), "median_ms": statistics.median(times)}


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def ratio(pairs: list[Pair], quiet: list[Pair]) -> dict:
    """Theirs over ours. With too few quiet pairs it is that of all of them, and `steady` is false."""
    steady = len(quiet) >= PAIRS
    values = [ratio for pair in (quiet if steady else pairs) if (ratio := pair.ratio()) is not None]
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
    of_ours: list[Sample] = []
    for name, pairs in results.pairs.items():
        quiet = results.quiet(name)
        used = quiet if len(quiet) >= PAIRS else pairs
        engines[name] = figures([pair.theirs for pair in used])
        if ours:
            of_ours += [pair.ours for pair in used if pair.ours]
            engines[name]["times_likeness"] = ratio(pairs, quiet)
        engines[name]["turns"] = [{**asdict(pair), "quiet": pair.is_quiet(results.probe)} for pair in pairs]
    if ours and of_ours:
        engines = {ours.peer.name: figures(of_ours), **engines}
    seen = results.probe.seen or [0.0]  # nothing was run
    peak = {"min": min(seen), "median": statistics.median(seen), "max": max(seen)}
    return {"engines": engines, "peak_gflops": peak}
