"""bench/peers: Likeness and other engines on the same network, taking turns. See bench/README.md."""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engines import agreement, options, packages, rounds, table
from engines.case import Case, LeftOutError
from engines.options import WORK
from engines.process import Process, chosen_cpus, environment

CALIBRATION = 32  # pictures
JPEG = {".jpg", ".jpeg"}


def processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def make(*arguments: str) -> str:
    """Runs engines/make.py, which needs packages that this process does without."""
    command = [str(packages.python_of("onnx", WORK)), "-m", "engines.make", *arguments]
    result = subprocess.run(command, env=environment({}), capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"bench/peers: {arguments[0]}: {result.stderr.strip()}")
    return result.stdout


def model_file(given: argparse.Namespace, width: float) -> Path:
    if given.model:
        return given.model
    path = WORK / f"random_{width:g}.safetensors"
    if not path.exists():
        make("random", str(path), str(width))
    return path


def prepared(given: argparse.Namespace, width: float, size: int, batch: int) -> Case:
    """A case in float32, and the files that its engines share."""
    model = model_file(given, width)
    height, wide = (size, size) if size else json.loads(make("size", str(model)))
    folder = WORK / f"{model.stem}_{height}x{wide}"
    folder.mkdir(parents=True, exist_ok=True)
    case = Case(
        model=str(model), int8_model=str(given.int8_model or ""), library=str(options.LIBRARY),
        command=str(options.COMMAND), backend=given.backend, isa=given.isa, height=height, width=wide, batch=batch,
        folder=str(folder), inputs=str(folder / "inputs.npy"), photos=given.photos is not None,
        feature="pooled" if given.photos else "logits",
    )  # fmt: skip
    make("inputs", case.to_json(), str(given.photos or given.pictures or ""), str(max(CALIBRATION, batch)))
    if "int8" in given.precision:
        make("quantized", case.to_json())
    return case


def cases(given: argparse.Namespace) -> Iterator[Case]:
    widths = [1.0] if given.model else given.width
    batches = [1] if given.photos else given.batch
    for width, size, batch in itertools.product(widths, given.size, batches):
        case = prepared(given, width, size, batch)
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

    def open(self, peer: packages.Peer) -> None:
        try:
            self.processes.append(Process(peer, self.case, self.cpus))
        except LeftOutError as error:
            self.left_out[peer.module] = str(error)

    def turn(self, process: Process, number: int) -> list[float]:
        """Milliseconds a picture. Of photographs each round takes the next ones, and the first again after the last."""
        if not self.case.photos:
            return [ns / self.case.batch / 1e6 for ns in process.turn(do="run", count=self.given.runs)["ns"]]
        wanted = self.given.a_turn or len(self.files)
        files = [self.files[(number * wanted + i) % len(self.files)] for i in range(wanted)]
        return [process.turn(do="photos", files=files)["ns"] / wanted / 1e6]

    def result(self) -> dict:
        ours = packages.OUR_PHOTOS if self.case.photos else packages.OURS
        for peer in (ours, *self.given.peers):
            self.open(peer)
        try:
            return self.measured(ours)
        finally:
            for process in self.processes:
                process.close()

    def measured(self, ours: packages.Peer) -> dict:
        look = agreement.of_photos(self.files) if self.case.photos else agreement.of_network
        about, apart = agreement.check(self.case, self.cpus, ours, self.processes, look)
        running = [process for process in self.processes if process.peer.module not in apart]
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


def is_too_slow(results: list[dict], at_most: float | None) -> bool:
    """Also where nothing was compared: that is no success."""
    engines = [engine for result in results for engine in result["engines"].values()]
    ratios = [engine["times_likeness"]["median_of_pairs"] for engine in engines if "times_likeness" in engine]
    return bool(at_most) and (not ratios or any(1 / ratio > at_most for ratio in ratios))


def main() -> int:
    given = options.arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    reason = packages.install("onnx", WORK)
    if reason:
        raise SystemExit(f"bench/peers: the packages {reason}")
    results = [Run(case, given).result() for case in cases(given)]
    command = shlex.join(["bench/peers", *sys.argv[1:]])
    text = json.dumps({"machine": processor_name(), "command": command, "results": results}, indent=1)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")
    print(table.markdown(processor_name(), command, results) if given.table else text)
    return 1 if is_too_slow(results, given.at_most) or not any(result["engines"] for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
