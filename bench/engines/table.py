"""Results as Markdown, as docs/performance.md shows them."""

from __future__ import annotations

from engines import packages

TITLES = {peer.module: peer.title for group in (packages.PEERS, packages.PHOTOS) for peer in group.values()}
TITLES |= {peer.module: peer.title for peer in (packages.OURS, packages.OUR_PHOTOS)}
PRECISIONS = {"f32": "float32", "bf16": "bfloat16", "int8": "int8"}


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def heading(result: dict) -> str:
    case = result["case"]
    parts = [result["model"], PRECISIONS[case["precision"]], f"{case['height']} × {case['width']}"]
    parts.append("from files to pooled features" if case["photos"] else f"batch {case['batch']}")
    parts.append(count(case["threads"], "thread"))
    return ", ".join(parts + ([f"--isa {case['isa']}"] if case["isa"] else []))


def times_likeness(figures: dict) -> str:
    ratio = figures.get("times_likeness")
    if not ratio:
        return ""
    text = f"{ratio['median_of_pairs']:.3f} ({ratio['p10']:.2f}–{ratio['p90']:.2f}; {ratio['quiet_pairs']} pairs)"
    return text if ratio["steady"] else f"not steady: {text[:-1]} of {ratio['pairs']} quiet)"


def accuracy(engine: dict) -> str:
    if "cosine" in engine:
        return f"cosine {engine['cosine']:.4f}"
    return f"{engine['difference']:.0e}" if "difference" in engine else ""


def row(module: str, result: dict) -> str:
    figures, engine = result["engines"][module], result["about"][module]
    title = f"{TITLES[module]} {engine['version']}" + (f" ({engine['note']})" if engine["note"] else "")
    if module in (packages.OURS.module, packages.OUR_PHOTOS.module):
        title = f"**{title}, `{result['case']['backend']}`**"
    times = f"{figures['min_ms']:.3f} | {figures['median_ms']:.3f}"
    return f"| {title} | {times} | {times_likeness(figures)} | {accuracy(engine)} |"


def one(result: dict) -> str:
    lines = [
        f"**{heading(result)}**",
        "",
        "| engine | min ms | median ms | × Likeness: median of pairs (p10–p90) | from float32 |",
        "| --- | --- | --- | --- | --- |",
        *(row(module, result) for module in sorted(result["engines"], key=lambda m: result["engines"][m]["min_ms"])),
        "",
    ]
    lines += [f"Left out: {TITLES[module]}: {reason}." for module, reason in result["left_out"].items()]
    peak = result["peak_gflops"]
    lines.append(f"Probe: {peak['median']:.0f} GFLOP/s, {peak['min']:.0f} to {peak['max']:.0f}.")
    return "\n".join(lines)


def best_peer(result: dict) -> str | None:
    """The one that Likeness is least ahead of."""
    peers = {m: f["times_likeness"]["median_of_pairs"] for m, f in result["engines"].items() if "times_likeness" in f}
    return min(peers, key=lambda module: peers[module]) if peers else None


def overview(results: list[dict]) -> str:
    """A line a case: ours beside the best peer."""
    lines = ["| case | Likeness min / median ms | best peer | min / median ms | × Likeness |", "| --- " * 5 + "|"]
    for result in results:
        module = best_peer(result)
        if not module:
            continue
        ours = next(iter(result["engines"].values()))
        theirs = result["engines"][module]
        cells = [
            heading(result),
            f"{ours['min_ms']:.3f} / {ours['median_ms']:.3f}",
            TITLES[module],
            f"{theirs['min_ms']:.3f} / {theirs['median_ms']:.3f}",
            times_likeness(theirs),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def markdown(machine: str, command: str, results: list[dict]) -> str:
    parts = [f"{machine}, `{command}`:", *map(one, results)]
    return "\n\n".join(parts + ([overview(results)] if len(results) > 1 else []))
