"""bench/layers: where the time goes in Likeness and in OpenVINO, layer by layer. See bench/README.md.

Steps of Likeness (`likeness bench --json`) and nodes of OpenVINO (its performance counters) are matched by the names of
the layers that they compute. Where one of them computes in one go what takes the other several, these make one row.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import peers
from engines import files, header, options, packages
from engines.case import Case
from engines.process import Process, chosen_cpus

Times = dict[str, list[float]]  # of a step or node, µs, one a run


@dataclass
class Side:
    """One engine: what each part of it took, the last layer that each computes, and with what kernel."""

    times: Times = field(default_factory=lambda: defaultdict(list))
    ends: dict[str, int] = field(default_factory=dict)  # place in the network's order of layers
    kernels: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, end: int, kernel: str, us: float) -> None:
        self.times[name].append(us)
        self.ends[name], self.kernels[name] = end, kernel

    def us(self, names: Iterable[str]) -> float:
        """By the least of each: what else the machine does only adds."""
        return sum(min(self.times[name]) for name in names)


def add_likeness(side: Side, case: Case, order: list[str], repeat: int, cpus: list[int]) -> None:
    """One turn: the least of `repeat` runs of each step."""
    command = [
        "taskset", "--cpu-list", ",".join(map(str, cpus)), case.command, "bench", "--json", f"--repeat={repeat}",
        f"--backend={case.backend}", f"--threads={case.threads}", f"--batch={case.batch}",
        f"--size={case.height}x{case.width}", *([f"--isa={case.isa}"] if case.isa else []),
        *([f"--precision={case.precision}"] if header.HAS_PRECISION else []),
        case.int8_model if case.precision == "int8" and case.int8_model else case.model,
    ]  # fmt: skip
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"bench/layers: {result.stderr.strip()}")
    for step in json.loads(result.stdout)["backends"][0]["steps"]:
        if step["name"] not in order:
            raise SystemExit(f"bench/layers: the network has no layer '{step['name']}', which likeness bench names")
        side.add(step["name"], order.index(step["name"]), step["kernel"], step["min_ms"] * 1e3)


def last_layer(node: dict, order: list[str]) -> int | None:
    """Of those that were fused into a node. Names may carry what a pass did to them: "features.0.1/WithoutBiases"."""
    names = {part.split("/")[0].removesuffix("_QuantizeLinear") for part in (node["name"], *node["layers"])}
    names = {"classifier.1" if name == "output" else name for name in names}
    places = [order.index(name) for name in names if name in order]
    return max(places, default=None)


def add_openvino(side: Side, process: Process, order: list[str], count: int) -> None:
    """One turn. A node that names no layer, such as a reordering, belongs to the next that does."""
    for run in process.turn(do="layers", count=count)["runs"]:
        end = len(order) - 1
        for node in reversed(run):
            place = last_layer(node, order)
            end = end if place is None else place
            side.add(node["name"], end, node["kernel"], node["ns"] / 1e3)


def rows(ours: Side, theirs: Side) -> list[tuple[int, list[str], list[str]]]:
    """Both sides cut at the layers at which both end: (last layer, steps, nodes)."""
    cuts = sorted(set(ours.ends.values()) & set(theirs.ends.values()))
    result = []
    for before, cut in zip([-1, *cuts], cuts, strict=False):
        part = [[name for name, end in side.ends.items() if before < end <= cut] for side in (ours, theirs)]
        result.append((cut, part[0], part[1]))
    return result


def kernels(side: Side, names: list[str]) -> str:
    return ", ".join(dict.fromkeys(f"`{side.kernels[name]}`" for name in names))


def markdown(title: str, order: list[str], ours: Side, theirs: Side) -> str:
    lines = [
        title,
        "",
        "| up to layer | Likeness µs | OpenVINO µs | × Likeness | lost µs | kernels of Likeness | of OpenVINO |",
        "| --- " * 7 + "|",
    ]
    table = rows(ours, theirs)
    for cut, steps, nodes in table:
        mine, other = ours.us(steps), theirs.us(nodes)
        lost = f"**{mine - other:.0f}**" if mine - other >= 1 else ""
        cells = [order[cut], f"{mine:.0f}", f"{other:.0f}", f"{other / mine:.2f}", lost]
        lines.append(f"| {' | '.join([*cells, kernels(ours, steps), kernels(theirs, nodes)])} |")
    mine, other = ours.us(ours.ends), theirs.us(theirs.ends)
    lines.append(f"| all | {mine:.0f} | {other:.0f} | {other / mine:.2f} | | | |")
    losses = sorted(((ours.us(s) - theirs.us(n), order[cut]) for cut, s, n in table), reverse=True)
    worst = [f"{name} by {lost:.0f} µs" for lost, name in losses[:10] if lost >= 1]
    return "\n".join([*lines, "", f"Likeness loses most at: {', '.join(worst) or 'no layer'}."])


def document(order: list[str], ours: Side, theirs: Side) -> list[dict]:
    return [
        {
            "up_to": order[cut],
            **{
                name: [{"name": n, "kernel": side.kernels[n], "us": side.us([n])} for n in part]
                for name, side, part in (("likeness", ours, steps), ("openvino", theirs, nodes))
            },
        }
        for cut, steps, nodes in rows(ours, theirs)
    ]


def arguments() -> argparse.Namespace:
    about = "Likeness and OpenVINO layer by layer, taking turns; see bench/README.md."
    parser = argparse.ArgumentParser(prog="bench/layers", description=about)
    add = parser.add_argument
    add("model", nargs="?", type=Path, metavar="MODEL", help="default: random weights of full width")
    add("--backend", default=header.DEFAULT_BACKEND, choices=sorted(header.BACKENDS), help="of Likeness")
    add("--int8-model", type=Path, metavar="FILE", help="Likeness' quantized model file, for --precision int8")
    add("--isa", default="", help="as --isa of the command; with avx2 OpenVINO's AVX-512 is switched off")
    add("--precision", default="f32", choices=["f32", "bf16", "int8"])
    add("--threads", type=int, default=1)
    add("--batch", type=int, default=1)
    add("--size", type=int, default=0, help="of the input (the model file's)")
    add("--rounds", type=int, default=10, help="turns of each (10)")
    add("--runs", type=int, default=10, help="runs a turn (10)")
    add("--cpus", type=options.numbers(int), metavar="N,…", help="processors to stay on")
    add("--table", action="store_true", help="print Markdown, not JSON")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    if given.precision != "f32" and not header.HAS_PRECISION:
        raise SystemExit(f"bench/layers: this version has no {given.precision}")
    files.begin()
    case = Case(
        model=str(given.model or files.random_model(1.0)), int8_model=str(given.int8_model or ""),
        library=str(options.LIBRARY), command=str(options.COMMAND), backend=given.backend, isa=given.isa,
        height=given.size, width=given.size, batch=given.batch, threads=given.threads, precision=given.precision,
        counters=True,
    )  # fmt: skip
    case = files.prepared(case, None, given.precision == "int8")
    cpus, order = chosen_cpus(given.cpus, given.threads), files.layer_names(case)
    ours, theirs = Side(), Side()
    process = Process(packages.EVERY["openvino"], case, cpus)
    try:
        for _ in range(given.rounds):
            add_likeness(ours, case, order, given.runs, cpus)
            add_openvino(theirs, process, order, given.runs)
    finally:
        process.close()
    title = f"{peers.processor_name()}, {Path(case.model).stem}, {given.precision}, OpenVINO {process.version}:"
    if given.table:
        print(markdown(title, order, ours, theirs))
    else:
        print(json.dumps({"about": title, "rows": document(order, ours, theirs)}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
