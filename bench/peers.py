"""Likeness and ONNX Runtime on the same network, in one process, taking turns: one thread, one picture."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_model
import onnxruntime

REFERENCE, OPENBLAS = 1, 2
BACKENDS = {"reference": REFERENCE, "openblas": OPENBLAS}


class PlanOptions(ctypes.Structure):
    """lk_plan_options of engine/likeness.h."""

    _fields_ = (
        ("backend", ctypes.c_int),
        ("isa", ctypes.c_char_p),
        ("batch_norm", ctypes.c_int),
        ("height", ctypes.c_size_t),
        ("width", ctypes.c_size_t),
        ("batch", ctypes.c_size_t),
        ("plain", ctypes.c_bool),
        ("features", ctypes.POINTER(ctypes.c_char_p)),
        ("feature_count", ctypes.c_size_t),
    )


class Likeness:
    """A session of the shared library."""

    def __init__(self, library: Path, model: Path, backend: str) -> None:
        self.lk = ctypes.CDLL(str(library))
        self.lk.lk_error_message.restype = ctypes.c_char_p
        self.lk.lk_version.restype = ctypes.c_char_p
        self.lk.lk_session_input.restype = ctypes.POINTER(ctypes.c_float)
        self.lk.lk_session_input.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        self.lk.lk_session_run.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        self.lk.lk_session_feature.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p)
        self.lk.lk_session_feature_length.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
        self.lk.lk_session_feature_length.restype = ctypes.c_size_t
        self.model, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        options = PlanOptions(backend=BACKENDS[backend])
        self.check(self.lk.lk_model_open(str(model).encode(), ctypes.byref(self.model)))
        self.check(self.lk.lk_session_open(self.model, ctypes.byref(options), ctypes.byref(self.session)))
        self.input = self.lk.lk_session_input(self.session, 0)
        self.logits = np.empty(self.lk.lk_session_feature_length(self.session, 0), np.float32)

    def check(self, status: int) -> None:
        if status:
            raise SystemExit(f"likeness: {self.lk.lk_error_message().decode()}")

    def prepare(self, picture: np.ndarray) -> None:
        ctypes.memmove(self.input, picture.ctypes.data, picture.nbytes)

    def run(self) -> None:
        status = self.lk.lk_session_run(self.session, 1)
        status = status or self.lk.lk_session_feature(self.session, 0, 0, self.logits.ctypes.data)
        self.check(status)


class OnnxRuntime:
    """The same through ONNX Runtime, with input and output bound to memory of ours."""

    def __init__(self, model: bytes, shape: tuple[int, ...], classes: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.input, self.logits = np.empty(shape, np.float32), np.empty((1, classes), np.float32)
        self.binding = self.session.io_binding()
        self.binding.bind_input("x", "cpu", 0, np.float32, self.input.shape, self.input.ctypes.data)
        self.binding.bind_output("logits", "cpu", 0, np.float32, self.logits.shape, self.logits.ctypes.data)

    def prepare(self, picture: np.ndarray) -> None:
        self.input[0] = picture.transpose(2, 0, 1)

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding)


def processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def milliseconds(run: Callable[[], None]) -> float:
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) / 1e6


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/peers", description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="default: random weights, made in --work")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--backend", choices=sorted(BACKENDS), default="openblas")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), help="the processor to stay on")
    parser.add_argument("--at-most", type=float, metavar="RATIO", help="exit with 1 when the median ratio is larger")
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--peak", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    return parser.parse_args()


def measure(ours: Likeness, theirs: OnnxRuntime, peak: Callable[[], float], picture: np.ndarray, rounds: int) -> dict:
    """Each round: the peak probe, then both in turn, the first of them by turns."""
    times: dict[str, list[float]] = {"likeness": [], "onnxruntime": []}
    peaks = []
    pair = [("likeness", ours), ("onnxruntime", theirs)]
    for i in range(rounds):
        peaks.append(peak())
        for name, engine in pair if i % 2 == 0 else reversed(pair):
            engine.prepare(picture)
            times[name].append(milliseconds(engine.run))
    ratios = [a / b for a, b in zip(times["likeness"], times["onnxruntime"], strict=True)]
    summary = {name: {"min_ms": min(t), "median_ms": statistics.median(t)} for name, t in times.items()}
    return {
        **summary,
        "ratio": {
            "of_minima": min(times["likeness"]) / min(times["onnxruntime"]),
            "median_of_pairs": statistics.median(ratios),
            "p10": float(np.quantile(ratios, 0.1)),
            "p90": float(np.quantile(ratios, 0.9)),
        },
        "peak_gflops": {"min": min(peaks), "median": statistics.median(peaks), "max": max(peaks)},
    }


def main() -> int:
    options = arguments()
    os.sched_setaffinity(0, {options.cpu})
    if options.model is None:
        options.model = options.work / "random.safetensors"
        onnx_model.write_random(options.model)
    model, (height, width) = onnx_model.from_file(options.model)
    ours = Likeness(options.library, options.model, options.backend)
    theirs = OnnxRuntime(model.SerializeToString(), (1, 3, height, width), ours.logits.size)
    picture = np.random.default_rng(0).normal(0, 1, (height, width, 3)).astype(np.float32)
    for engine in (ours, theirs):
        engine.prepare(picture)
        engine.run()
    difference = float(np.abs(ours.logits - theirs.logits[0]).max())
    if not difference <= 1e-3:
        raise SystemExit(f"logits differ by {difference}: this would compare two networks")
    probe = ctypes.CDLL(str(options.peak)).peak_gflops
    probe.restype = ctypes.c_double
    results = {
        "model": options.model.name,
        "input": [height, width],
        "backend": options.backend,
        "rounds": options.rounds,
        "machine": processor_name(),
        "versions": {"likeness": ours.lk.lk_version().decode(), "onnxruntime": onnxruntime.__version__},
        "largest_difference_of_logits": difference,
        **measure(ours, theirs, probe, picture, options.rounds),
    }
    print(json.dumps(results, indent=2))
    return 1 if options.at_most and results["ratio"]["median_of_pairs"] > options.at_most else 0


if __name__ == "__main__":
    sys.exit(main())
