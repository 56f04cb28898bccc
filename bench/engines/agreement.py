"""Whether engines compute the same before they are timed: float32 as Likeness to 1e-3; else how near, by the cosine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from engines import packages
from engines.case import Case, LeftOutError
from engines.process import Process

LARGEST_DIFFERENCE = 1e-3
LEAST_COSINE = 0.9  # of any picture: below, it is another network

Rows = list[list[float]]


def cosine(a: list[float], b: list[float]) -> float:
    dot = math.fsum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(math.fsum(x * x for x in a) * math.fsum(y * y for y in b))


def difference(a: Rows, b: Rows) -> float:
    return max(abs(x - y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True))


def compared(case: Case, rows: Rows, reference: Rows) -> tuple[dict[str, float], str]:
    """What the table shows, and why the engine cannot be compared, if so."""
    if any(not math.isfinite(value) for row in rows for value in row):
        return {}, "gives values that are not finite"
    largest = difference(rows, reference)
    if case.precision == "bf16" and largest <= LARGEST_DIFFERENCE:
        return {}, "computes in float32 when asked for bf16"
    if case.precision == "f32":
        reason = f"differs from Likeness by {largest:.3g}: this would compare two networks"
        return {"difference": largest}, "" if largest <= LARGEST_DIFFERENCE else reason
    least = min(cosine(row, wanted) for row, wanted in zip(rows, reference, strict=True))
    reason = f"has a cosine of {least:.3f} to float32: this would compare two networks"
    return {"cosine": least}, "" if least >= LEAST_COSINE else reason


def float32(case: Case, cpus: list[int], peer: packages.Peer, look: Callable[[Process], dict]) -> dict:
    """What our float32 gives, in a process of its own that ends before any time is taken."""
    try:
        process = Process(peer, replace(case, precision="f32", isa=""), cpus)
    except LeftOutError as error:
        raise SystemExit(f"bench/peers: likeness: {error}") from error
    try:
        return look(process)
    finally:
        process.close()


def check(
    case: Case, cpus: list[int], ours: packages.Peer, processes: list[Process], look: Callable[[Process], dict]
) -> tuple[dict[str, dict], dict[str, str]]:
    """What the table says of each engine, and the engines that cannot be compared, with the reason."""
    reference = float32(case, cpus, ours, look)
    about, apart = {}, {}
    for process in processes:
        name = process.peer.name
        try:
            seen = look(process)
        except LeftOutError as error:
            apart[name] = str(error)
            continue
        figures, reason = compared(case, seen["rows"], reference["rows"])
        about[name] = {"version": process.version, "note": process.note, **figures}
        if seen.get("pixels", reference.get("pixels")) != reference.get("pixels"):
            reason = "decodes or resizes to other pixels"
        if reason:
            apart[name] = reason
    return about, apart


def of_network(process: Process) -> dict:
    return {"rows": process.output}


def of_photos(files: list[str]) -> Callable[[Process], dict]:
    return lambda process: process.turn(do="look", files=files)
