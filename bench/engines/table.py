"""Results as Markdown, as docs/performance.md shows them."""

from __future__ import annotations

from engines import packages

PRECISIONS = {"f32": "float32", "bf16": "bfloat16", "int8": "int8"}


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def heading(result: dict) -> str:
    case = result["case"]
    parts = [result["model"], PRECISIONS[case["precision"]], f"{case['height']} × {case['width']}"]
    parts.append("from files to pooled features" if case["photos"] else f"batch {case['batch']}")
    parts.append(count(case["threads"], "thread"))
    parts += [f"`--isa {case['isa']}`"] if case["isa"] else []
    return ", ".join(parts + ([] if case["huge_pages"] else ["no huge pages"]))


def times_likeness(figures: dict) -> str:
    ratio = figures.get("times_likeness")
    if not ratio:
        return ""
    text = f"{ratio['median_of_pairs']:.3f} ({ratio['p10']:.2f}–{ratio['p90']:.2f}; {ratio['quiet_pairs']} pairs)"
    return text if ratio["steady"] else f"not steady: {text[:-1]} of {ratio['pairs']} quiet)"


def accuracy(engine: dict) -> str:
    if "cosine" in engine:
        return f"cosine {engine['cosine']:.4f}"
    return f"{engine['difference']:.0e}" if engine.get("difference") else ""


def row(name: str, result: dict) -> str:
    figures, engine = result["engines"][name], result["about"][name]
    title = f"{packages.EVERY[name].title} {engine['version']}" + (f" ({engine['note']})" if engine["note"] else "")
    if packages.EVERY[name].is_ours:
        title = f"**{title}, `{result['case']['backend']}`**"
    times = f"{figures['min_ms']:.3f} | {figures['median_ms']:.3f}"
    return f"| {title} | {times} | {times_likeness(figures)} | {accuracy(engine)} |"


def one(result: dict) -> str:
    lines = [
        f"**{heading(result)}**",
        "",
        "| engine | min ms | median ms | × Likeness: median of pairs (p10–p90) | from float32 |",
        "| --- | --- | --- | --- | --- |",
        *(row(name, result) for name in sorted(result["engines"], key=lambda n: result["engines"][n]["min_ms"])),
        "",
    ]
    lines += [f"- Left out: {packages.EVERY[name].title}: {reason}" for name, reason in result["left_out"].items()]
    peak = result["peak_gflops"]
    lines.append(f"- Probe: {peak['median']:.0f} GFLOP/s, {peak['min']:.0f} to {peak['max']:.0f}.")
    return "\n".join(lines)


def is_rival(name: str, result: dict) -> bool:
    """An engine that is not ours and has no more instructions than ours."""
    peer = packages.EVERY[name]
    return not peer.is_ours and (bool(peer.avx2) or result["case"]["isa"] != "avx2")


def best_peer(result: dict) -> str | None:
    """The rival that Likeness is least ahead of."""
    ratios = {
        name: figures["times_likeness"]["median_of_pairs"]
        for name, figures in result["engines"].items()
        if "times_likeness" in figures and is_rival(name, result)
    }
    return min(ratios, key=lambda name: ratios[name]) if ratios else None


def least_ratio(result: dict) -> float | None:
    name = best_peer(result)
    return result["engines"][name]["times_likeness"]["median_of_pairs"] if name else None


def overview(results: list[dict]) -> str:
    """A line a case: ours beside the best peer."""
    lines = ["| case | Likeness min / median ms | best peer | min / median ms | × Likeness |", "| --- " * 5 + "|"]
    for result in results:
        name = best_peer(result)
        if not name:
            continue
        ours = next(iter(result["engines"].values()))
        theirs = result["engines"][name]
        cells = [
            heading(result),
            f"{ours['min_ms']:.3f} / {ours['median_ms']:.3f}",
            packages.EVERY[name].title,
            f"{theirs['min_ms']:.3f} / {theirs['median_ms']:.3f}",
            times_likeness(theirs),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def markdown(machine: str, command: str, results: list[dict]) -> str:
    parts = [f"{machine}, `{command}`:", *map(one, results)]
    return "\n\n".join(parts + ([overview(results)] if len(results) > 1 and any(map(best_peer, results)) else []))
