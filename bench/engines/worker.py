"""An engine's own process: python -m engines.worker MODULE CPU[,CPU...], commands on standard input, answers on output.

Each command and answer is a line of JSON. Between commands the process is blocked on its input, so that only the engine
whose turn it is runs. An answer is {"left_out": reason} where the engine cannot do what a command asks.

    {"do": "prepare", "case": CASE}         -> {"version", "note", "output": [[float]]}
    {"do": "run", "count": N}               -> {"ns": [one a run, at least N], "waited": W}
    {"do": "layers", "count": N}            -> {"runs": [[{"name", "layers", "kernel", "ns"}]]}
    {"do": "photos", "files": [PATH, ...]}  -> {"ns": [of all of them], "waited": W}
    {"do": "look", "files": [PATH, ...]}    -> {"rows": [[float]], "pixels": [CRC32 of the resized RGB]}

Runs follow one that is not timed, and there are more than N where those take little time. W is the time that threads of
the process were ready to run but had no processor, as a share of the command's.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from engines.case import Case, LeftOutError

LEAST_NS = 20_000_000  # of runs in a turn: fewer say little beside what is unsteady
PR_SET_THP_DISABLE = 41  # linux/prctl.h


def waited_ns() -> int:
    """Of all threads so far, by the scheduler's own account."""
    return sum(int(file.read_text().split()[1]) for file in Path("/proc/self/task").glob("*/schedstat"))


class Worker:
    """`engine` is a network, or, in the files photos_*.py, all the way from files to features."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.engine: Any = None
        self.pictures: Any = None

    def prepare(self, command: dict) -> dict:
        import numpy as np

        case = Case(**json.loads(command["case"]))
        if not case.huge_pages and ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0):
            raise LeftOutError("huge pages cannot be switched off")
        self.engine = importlib.import_module(f"engines.{self.module}").Engine(case)
        answer = {"version": self.engine.version, "note": self.engine.note}
        if case.photos:
            return answer
        self.pictures = np.load(case.inputs, mmap_mode="r")[: case.batch].copy()
        self.engine.fill(self.pictures)
        self.engine.run()
        return {**answer, "output": np.asarray(self.engine.output(), np.float64).tolist()}

    def run(self, command: dict) -> dict:
        times: list[int] = []
        begun, waited = time.perf_counter_ns(), waited_ns()
        while len(times) <= command["count"] or sum(times) < LEAST_NS:
            self.engine.fill(self.pictures)
            start = time.perf_counter_ns()
            self.engine.run()
            times.append(time.perf_counter_ns() - start)
        return {"ns": times[1:], "waited": (waited_ns() - waited) / (time.perf_counter_ns() - begun)}

    def layers(self, command: dict) -> dict:
        return {"runs": [self.engine.layers() for _ in range(command["count"])]}

    def photos(self, command: dict) -> dict:
        waited, start = waited_ns(), time.perf_counter_ns()
        self.engine.extract(command["files"])
        elapsed = time.perf_counter_ns() - start
        return {"ns": [elapsed], "waited": (waited_ns() - waited) / elapsed}

    def look(self, command: dict) -> dict:
        return self.engine.look(command["files"])

    def answer(self, command: dict) -> dict:
        do = command["do"]
        if do not in ("prepare", "run", "layers", "photos", "look"):
            raise SystemExit(f"{self.module}: no command '{do}'")
        try:
            return getattr(self, do)(command)
        except LeftOutError as error:
            return {"left_out": str(error)}
        except Exception as error:  # whatever a peer raises, the others go on
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            return {"left_out": reason[:200]}


def main() -> None:
    os.sched_setaffinity(0, {int(cpu) for cpu in sys.argv[2].split(",")})
    # Peers print as they please: what they write to standard output goes to the log with the rest.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
