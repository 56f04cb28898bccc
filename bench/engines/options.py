"""The command line of bench/peers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engines import header, packages

ROOT = Path(__file__).resolve().parents[2]
LIBRARY, COMMAND = ROOT / "build/release/liblikeness.so", ROOT / "build/release/likeness"
PEAK = ROOT / "build/release/bench/peak.so"
WORK = ROOT / "build/peers"
BENCH = ROOT / "bench"

T = TypeVar("T")


def default_photos() -> Path:
    shared = ROOT.parent / "shared/photos"
    return shared if shared.is_dir() else ROOT / "examples/pictures"


def numbers(kind: Callable[[str], T]) -> Callable[[str], list[T]]:
    def parse(text: str) -> list[T]:
        return [kind(part) for part in text.split(",")]

    parse.__name__ = "list"  # argparse names it in its error
    return parse


def fault(options: argparse.Namespace) -> str:
    """What argparse cannot say by itself."""
    known = [peer.name for peer in known_peers(options)]
    for value, allowed, what in (
        (options.engines or known, known, "engine"),
        ([options.backend], list(header.BACKENDS), "backend"),
        (options.precision, ["f32", "bf16", "int8"], "precision"),
    ):
        if unknown := [name for name in value if name not in allowed]:
            return f"no {what} {', '.join(unknown)} here; there are {', '.join(allowed)}"
    for path in filter(None, (options.model, options.int8_model, options.photos, options.pictures)):
        if not path.exists():
            return f"{path}: no such file or folder"
    if min(options.rounds, options.runs, *options.threads, *options.batch) < 1:
        return "--rounds, --runs, --threads and --batch begin at 1"
    if options.model and options.width != [1.0]:
        return "--width is of random weights, without MODEL"
    return ""


def known_peers(options: argparse.Namespace) -> tuple[packages.Peer, ...]:
    return packages.PHOTOS if options.photos else packages.PEERS


def arguments() -> argparse.Namespace:
    about = "Likeness and other engines on the same network, taking turns; see bench/README.md."
    parser = argparse.ArgumentParser(prog="bench/peers", description=about)
    add = parser.add_argument
    add("model", nargs="?", type=Path, metavar="MODEL", help="default: random weights, one file a width")
    names = [", ".join(peer.name for peer in peers) for peers in (packages.PEERS, packages.PHOTOS)]
    add("--engines", type=numbers(str), metavar="NAME,…", help=f"of {names[0]}; with --photos of {names[1]} (all)")
    add("--backend", default=header.DEFAULT_BACKEND, help=f"of Likeness ({header.DEFAULT_BACKEND})")
    add("--int8-model", type=Path, metavar="FILE", help="Likeness' quantized model file, for --precision int8")
    add("--isa", default="", help="Likeness' --isa; with avx2 the peers' AVX-512 is switched off where it can be")
    add("--precision", type=numbers(str), default=["f32"], metavar="NAME,…", help="f32, bf16, int8 (f32)")
    add("--threads", type=numbers(int), default=[1], metavar="N,…", help="1 or 2 (1)")
    add("--batch", type=numbers(int), default=[1], metavar="N,…", help="pictures a run (1)")
    add("--size", type=numbers(int), default=[0], metavar="N,…", help="of the input (the model file's)")
    add("--width", type=numbers(float), default=[1.0], metavar="W,…", help="of random weights (1.0)")
    add("--pictures", type=Path, metavar="FOLDER", help="inputs and calibration from photographs, not random numbers")
    add("--photos", type=Path, nargs="?", const=default_photos(), metavar="FOLDER", help="time JPEG to pooled feature")
    add("--a-turn", type=int, default=32, metavar="N", help="pictures a turn with --photos (32; 0: all)")
    add("--look-at", type=int, default=16, metavar="N", help="pictures to compare with --photos (16; 0: all)")
    add("--no-huge-pages", action="store_true", help="the system gives none to any engine")
    add("--rounds", type=int, default=30, help="at least; more while quiet ones lack (30)")
    add("--runs", type=int, default=5, help="timed runs a turn, at least, after one that is not (5)")
    add("--cpus", type=numbers(int), metavar="N,…", help="processors to stay on, as many as threads (the last ones)")
    add("--table", action="store_true", help="print Markdown, not JSON")
    add("--json", type=Path, metavar="FILE", help="write the JSON document there as well")
    add("--at-most", type=float, metavar="RATIO", help="exit with 1 where our time over a peer's is larger")
    options = parser.parse_args()
    if reason := fault(options):
        parser.error(reason)
    options.peers = [peer for peer in known_peers(options) if peer.name in (options.engines or [peer.name])]
    return options
