"""ONNX Runtime, with input and output bound to memory of ours."""

from __future__ import annotations

import numpy as np
import onnxruntime

from engines import onnx_file
from engines.case import Case, only


class Engine:
    note = ""

    def __init__(self, case: Case) -> None:
        only(case, "f32", "int8")
        self.version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = case.threads, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Threads spin within a run, but not after it, while others are measured.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        model = onnx_file.for_case(case)
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        values = self.session.get_outputs()[0].shape[1]
        self.input = np.empty((case.batch, 3, case.height, case.width), np.float32)
        self.values = np.empty((case.batch, values), np.float32)
        self.binding = self.session.io_binding()
        self.binding.bind_input("x", "cpu", 0, np.float32, self.input.shape, self.input.ctypes.data)
        self.binding.bind_output("output", "cpu", 0, np.float32, self.values.shape, self.values.ctypes.data)

    def fill(self, pictures: np.ndarray) -> None:
        self.input[:] = pictures.transpose(0, 3, 1, 2)

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding)

    def output(self) -> np.ndarray:
        return self.values
