"""XNNPACK through LiteRT (once TensorFlow Lite), whose interpreter gives it the whole network."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from engines import tflite_file
from engines.case import Case, LeftOutError, only


class Engine:
    note = ""

    def __init__(self, case: Case) -> None:
        only(case, "f32", "int8")
        self.version = f"LiteRT {version('ai-edge-litert')}"
        self.interpreter = Interpreter(model_content=tflite_file.make(case), num_threads=case.threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.result = self.interpreter.get_output_details()[0]["index"]
        # What XNNPACK took over stands behind the network's own operators as one more: all of it, from input to output.
        if not any(self.is_whole(operator) for operator in self.interpreter._get_ops_details()):
            raise LeftOutError("its interpreter did not give the whole network to XNNPACK")

    def is_whole(self, operator: dict) -> bool:
        whole = self.input in operator["inputs"] and self.result in operator["outputs"]
        return operator["op_name"] == "DELEGATE" and whole

    def fill(self, pictures: np.ndarray) -> None:
        self.interpreter.set_tensor(self.input, np.ascontiguousarray(pictures))

    def run(self) -> None:
        self.interpreter.invoke()

    def output(self) -> np.ndarray:
        return self.interpreter.get_tensor(self.result)
