"""Starts engines' processes and talks to them; see worker.py."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from engines import packages
from engines.case import Case, LeftOutError
from engines.options import BENCH, WORK

ALLOWED = sorted(os.sched_getaffinity(0))  # before the probe moves this process about
REST_SECONDS = 2.0  # how long an engine's threads may still spin after its turn


def chosen_cpus(wanted: list[int] | None, threads: int) -> list[int]:
    cpus = wanted or ALLOWED[-threads:]
    if len(cpus) < threads:
        raise SystemExit(f"bench/peers: {threads} threads, but processors {cpus} alone")
    return cpus[:threads]


def environment(case: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(BENCH), **case}


class Process:
    """An engine that is ready to run."""

    def __init__(self, peer: packages.Peer, case: Case, cpus: list[int]) -> None:
        self.peer, self.log = peer, WORK / f"{peer.name}.log"
        reason = packages.install(peer.environment, WORK)
        if reason:
            raise LeftOutError(reason)
        settings = {"OMP_NUM_THREADS": str(case.threads), **(peer.avx2 if case.isa == "avx2" else {})}
        command = [str(packages.python_of(peer.environment, WORK)), "-m", "engines.worker", peer.module]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, ",".join(map(str, cpus))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True, env=environment(settings),
            )  # fmt: skip
        try:
            answer = self.ask(do="prepare", case=case.to_json())
        except LeftOutError:
            self.close()
            raise
        self.version, self.note = answer["version"], answer["note"]
        self.output: list[list[float]] = answer.get("output", [])
        if case.isa == "avx2" and not peer.avx2 and not peer.is_ours:
            self.note = "; ".join(filter(None, (self.note, "its AVX-512 cannot be switched off")))

    def ask(self, **command: object) -> dict:
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.process.wait()
            raise LeftOutError(f"ended with {self.process.returncode}, see {self.log}")
        answer = json.loads(line)
        if "left_out" in answer:
            raise LeftOutError(answer["left_out"])
        return answer

    def turn(self, **command: object) -> dict:
        """An answer, and then rest: no thread of the engine is left running when the next one has its turn."""
        answer = self.ask(**command)
        deadline = time.monotonic() + REST_SECONDS
        while self.is_busy():
            if time.monotonic() > deadline:
                raise LeftOutError(f"keeps a processor busy for {REST_SECONDS:g} s after its turn")
            time.sleep(0.0005)
        return answer

    def is_busy(self) -> bool:
        for stat in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            try:
                state = stat.read_text().rpartition(")")[2].split()[0]
            except FileNotFoundError:  # a thread that ended meanwhile
                continue
            if state == "R":
                return True
        return False

    def close(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
