"""OpenVINO, from the ONNX model. Pictures are handed over as NHWC, which spares it a reordering: 1 to 3 %."""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino.preprocess import PrePostProcessor

from engines import onnx_file
from engines.case import Case, only

VERSION = ov.__version__.split("-")[0]


def settings(case: Case) -> dict[str, object]:
    """Threads are those of one stream; the precision is a hint that the CPU obeys."""
    return {
        "INFERENCE_NUM_THREADS": case.threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "bf16" if case.precision == "bf16" else "f32",
        "PERF_COUNT": case.counters,
    }


def prepared(core: ov.Core, case: Case) -> PrePostProcessor:
    """The network, its input in Paddle's order and its caller's in NHWC."""
    processor = PrePostProcessor(core.read_model(onnx_file.for_case(case)))
    processor.input().tensor().set_layout(ov.Layout("NHWC"))
    processor.input().model().set_layout(ov.Layout("NCHW"))
    return processor


class Engine:
    version = VERSION
    note = ""

    def __init__(self, case: Case) -> None:
        only(case, "f32", "bf16", "int8")
        core = ov.Core()
        self.compiled = core.compile_model(prepared(core, case).build(), "CPU", settings(case))
        self.request = self.compiled.create_infer_request()
        self.input = np.empty((case.batch, case.height, case.width, 3), np.float32)
        self.request.set_input_tensor(ov.Tensor(self.input, shared_memory=True))
        self.parts = {}
        for node in self.compiled.get_runtime_model().get_ordered_ops() if case.counters else ():
            self.parts[node.get_friendly_name()] = node.get_rt_info()["originalLayersNames"].astype(str).split(",")

    def fill(self, pictures: np.ndarray) -> None:
        self.input[:] = pictures

    def run(self) -> None:
        self.request.infer(share_outputs=True)

    def output(self) -> np.ndarray:
        return self.request.get_output_tensor().data

    def layers(self) -> list[dict]:
        """What each node of one run took, in the order of execution, and the layers that were fused into it."""
        self.run()
        return [
            {
                "name": node.node_name,
                "layers": self.parts.get(node.node_name, []),
                "kernel": node.exec_type,
                "ns": round(node.real_time.total_seconds() * 1e9),
            }
            for node in self.request.profiling_info
            if node.status == ov.ProfilingInfo.Status.EXECUTED
        ]
