"""bench/peers: Likeness and other engines on the same network, taking turns. See bench/README.md."""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engines import agreement, files, options, packages, rounds, table
from engines.case import Case, LeftOutError
from engines.process import Process, chosen_cpus

JPEG = {".jpg", ".jpeg"}


def processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def cases(given: argparse.Namespace) -> Iterator[Case]:
    models = [given.model] if given.model else map(files.random_model, given.width)
    batches = [1] if given.photos else given.batch
    for model, size, batch in itertools.product(models, given.size, batches):
        case = Case(
            model=str(model), int8_model=str(given.int8_model or ""), library=str(options.LIBRARY),
            command=str(options.COMMAND), backend=given.backend, isa=given.isa, height=size, width=size, batch=batch,
            huge_pages=not given.no_huge_pages, photos=given.photos is not None,
            feature="pooled" if given.photos else "logits",
        )  # fmt: skip
        case = files.prepared(case, given.photos or given.pictures, "int8" in given.precision)
        for precision, threads in itertools.product(given.precision, given.threads):
            yield replace(case, precision=precision, threads=threads)


def jpeg_files(folder: Path) -> list[str]:
    files = sorted(str(path.resolve()) for path in folder.iterdir() if path.suffix.lower() in JPEG)
    if not files:
        raise SystemExit(f"bench/peers: {folder}: no JPEG files")
    return files


class Run:
    """One case: its engines opened, checked, measured, closed."""

    def __init__(self, case: Case, given: argparse.Namespace) -> None:
        self.case, self.given = case, given
        self.cpus = chosen_cpus(given.cpus, case.threads)
        self.files = jpeg_files(given.photos) if case.photos else []
        self.left_out: dict[str, str] = {}
        self.processes: list[Process] = []

    def open(self, peer: packages.Peer, threads: int) -> None:
        try:
            self.processes.append(Process(peer, replace(self.case, threads=threads), self.cpus[:threads]))
        except LeftOutError as error:
            self.left_out[peer.name] = str(error)

    def turn(self, process: Process, number: int) -> rounds.Sample:
        """Of photographs each round takes the next ones, and the first again after the last."""
        if self.case.photos:
            pictures = self.given.a_turn or len(self.files)
            chosen = [self.files[(number * pictures + i) % len(self.files)] for i in range(pictures)]
            answer = process.turn(do="photos", files=chosen)
        else:
            pictures, answer = self.case.batch, process.turn(do="run", count=self.given.runs)
        return rounds.Sample([ns / pictures / 1e6 for ns in answer["ns"]], answer["waited"])

    def result(self) -> dict:
        ours, alone = packages.OURS, packages.OURS_ALONE
        if self.case.photos:
            ours, alone = packages.OUR_PHOTOS, packages.OUR_PHOTOS_ALONE
        for peer in (ours, *self.given.peers):
            self.open(peer, self.case.threads)
        if self.case.threads > 1:
            self.open(alone, 1)
        try:
            return self.measured(ours)
        finally:
            for process in self.processes:
                process.close()

    def measured(self, ours: packages.Peer) -> dict:
        seen = self.files[: self.given.look_at or len(self.files)]
        look = agreement.of_photos(seen) if self.case.photos else agreement.of_network
        about, apart = agreement.check(self.case, self.cpus, ours, self.processes, look)
        running = [process for process in self.processes if process.peer.name not in apart]
        our_process = next((process for process in running if process.peer is ours), None)
        peers = [process for process in running if process is not our_process]
        probe = rounds.Probe(options.PEAK, self.cpus)
        results = rounds.measure(our_process, peers, self.given.rounds, self.turn, probe)
        return {
            "case": json.loads(self.case.to_json()),
            "model": Path(self.case.model).stem,
            "cpus": self.cpus,
            "about": about,
            "left_out": {**self.left_out, **apart, **results.left_out},
            **rounds.summary(results, our_process),
        }


def is_too_slow(results: list[dict], at_most: float) -> bool:
    """Also where nothing was compared: that is no success."""
    ratios = [ratio for ratio in map(table.least_ratio, results) if ratio is not None]
    return not ratios or 1 / min(ratios) > at_most


def main() -> int:
    given = options.arguments()
    files.begin()
    results = [Run(case, given).result() for case in cases(given)]
    command = shlex.join(["bench/peers", *sys.argv[1:]])
    text = json.dumps({"machine": processor_name(), "command": command, "results": results}, indent=1)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")
    print(table.markdown(processor_name(), command, results) if given.table else text)
    if not any(result["engines"] for result in results):
        return 1
    return int(given.at_most is not None and is_too_slow(results, given.at_most))


if __name__ == "__main__":
    sys.exit(main())
