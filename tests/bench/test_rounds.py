"""Which pairs count, and what is made of them; with engines that only say that they ran, and a probe that is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engines import agreement, packages, rounds, table
from engines.case import Case, LeftOutError
from engines.rounds import Sample

CASE = Case(model="m", int8_model="", library="", command="", backend="reference", height=227, width=227)


class FakeProcess:
    """A Process as rounds.measure knows it."""

    def __init__(self, name: str, samples) -> None:
        self.peer, self.samples, self.turns = packages.EVERY[name], samples, 0

    def take(self) -> Sample:
        self.turns += 1
        return self.samples(self.turns)


class FakeProbe(rounds.Probe):
    def __init__(self, figure=lambda _: 100.0) -> None:
        self.seen, self.figure = [], figure

    def __call__(self) -> float:
        self.seen.append(self.figure(len(self.seen)))
        return self.seen[-1]


def steady(ms: float, waited: float = 0.0):
    return lambda _: Sample([ms, ms, ms], waited)


def measured(ours, peers, count: int, probe: rounds.Probe | None = None) -> tuple[rounds.Results, dict]:
    results = rounds.measure(ours, peers, count, lambda process, _: process.take(), probe or FakeProbe())
    return results, rounds.summary(results, ours)


def test_ratio_is_theirs_by_ours_and_each_peer_has_one_of_our_turns():
    ours, first, second = (
        FakeProcess("likeness", steady(2)),
        FakeProcess("openvino", steady(3)),
        FakeProcess("mnn", steady(5)),
    )
    _, summary = measured(ours, [first, second], 12)
    engines = summary["engines"]
    assert (ours.turns, first.turns, second.turns) == (24, 12, 12)
    assert engines["openvino"]["times_likeness"]["median_of_pairs"] == pytest.approx(1.5)
    assert engines["mnn"]["times_likeness"]["median_of_pairs"] == pytest.approx(2.5)
    assert engines["likeness"] == {"min_ms": 2, "median_ms": 2}


def test_first_of_a_pair_changes():
    order = []
    ours, theirs = FakeProcess("likeness", steady(1)), FakeProcess("mnn", steady(1))

    def turn(process, _) -> Sample:
        order.append(process.peer.name)
        return process.take()

    rounds.measure(ours, [theirs], 10, turn, FakeProbe())
    assert order[:4] == ["likeness", "mnn", "mnn", "likeness"]


def test_pair_beside_a_straying_probe_does_not_count():
    # Three probes a round; in every third round the second one is 6 % low, and theirs is slow.
    probe = FakeProbe(lambda call: 94.0 if call % 9 == 1 else 100.0)
    theirs = FakeProcess("mnn", lambda turn: Sample([40.0 if turn % 3 == 1 else 4.0], 0))
    _, summary = measured(FakeProcess("likeness", steady(2)), [theirs], 15, probe)
    ratio = summary["engines"]["mnn"]["times_likeness"]
    assert (ratio["pairs"], ratio["quiet_pairs"], ratio["steady"]) == (15, 10, True)
    assert ratio["p90"] == pytest.approx(2)
    assert [turn["quiet"] for turn in summary["engines"]["mnn"]["turns"]][:4] == [False, True, True, False]
    assert summary["engines"]["mnn"]["median_ms"] == 4


def test_pair_that_waited_does_not_count_and_rounds_go_on():
    theirs = FakeProcess("mnn", lambda turn: Sample([9.0 if turn % 2 else 3.0], 0.5 if turn % 2 else 0.0))
    _, summary = measured(FakeProcess("likeness", steady(1)), [theirs], 4)
    ratio = summary["engines"]["mnn"]["times_likeness"]
    assert (ratio["pairs"], ratio["quiet_pairs"]) == (20, 10)
    assert ratio["median_of_pairs"] == pytest.approx(3)


def test_too_few_quiet_pairs_are_called_not_steady():
    _, summary = measured(FakeProcess("likeness", steady(1, waited=0.1)), [FakeProcess("mnn", steady(2))], 2)
    ratio = summary["engines"]["mnn"]["times_likeness"]
    assert (ratio["pairs"], ratio["quiet_pairs"], ratio["steady"]) == (20, 0, False)
    assert table.times_likeness(summary["engines"]["mnn"]).startswith("not steady")


def test_peer_that_fails_is_left_out_and_the_others_go_on():
    def fails(turn: int) -> Sample:
        if turn == 3:
            raise LeftOutError("fell over")
        return Sample([1.0], 0)

    results, summary = measured(
        FakeProcess("likeness", steady(1)), [FakeProcess("ncnn", fails), FakeProcess("mnn", steady(2))], 10
    )
    assert results.left_out == {"ncnn": "fell over"}
    assert set(summary["engines"]) == {"likeness", "mnn"}


def test_our_own_failure_ends_the_run():
    def fails(_: int) -> Sample:
        raise LeftOutError("fell over")

    with pytest.raises(SystemExit, match="likeness: fell over"):
        measured(FakeProcess("likeness", fails), [FakeProcess("mnn", steady(2))], 10)


def test_without_ours_peers_have_times_and_no_ratio():
    _, summary = measured(None, [FakeProcess("mnn", steady(2))], 10)
    assert summary["engines"]["mnn"]["min_ms"] == 2
    assert "times_likeness" not in summary["engines"]["mnn"]


def test_with_nobody_left_there_is_an_empty_summary():
    _, summary = measured(None, [], 3)
    assert summary["engines"] == {}


def result(ratios: dict[str, float], isa: str = "") -> dict:
    return {
        "case": {"isa": isa},
        "engines": {name: {"times_likeness": {"median_of_pairs": ratio}} for name, ratio in ratios.items()},
    }


def test_best_peer_is_no_engine_of_ours():
    assert table.best_peer(result({"likeness_1_thread": 0.5, "mnn": 2.0, "ncnn": 1.4})) == "ncnn"
    assert table.best_peer(result({"likeness_1_thread": 0.5})) is None


def test_best_peer_without_avx512_is_one_that_has_none():
    assert table.best_peer(result({"xnnpack": 0.8, "openvino": 1.2}, isa="avx2")) == "openvino"


@pytest.mark.parametrize(
    ("precision", "row", "reason"),
    [
        ("f32", [1.0, 2.0005], ""),
        ("f32", [1.0, 2.002], "two networks"),
        ("f32", [1.0, float("nan")], "not finite"),
        ("bf16", [1.0, 2.01], ""),
        ("bf16", [1.0, 2.0001], "computes in float32"),
        ("int8", [1.0, 2.5], ""),
        ("int8", [2.0, -1.0], "two networks"),
    ],
)
def test_agreement(precision: str, row: list[float], reason: str):
    _, said = agreement.compared(replace(CASE, precision=precision), [row], [[1.0, 2.0]])
    assert bool(said) == bool(reason)
    assert reason in said
