"""MNN, from the ONNX model through its own converter, which folds the batch norms."""

from __future__ import annotations

import _tools  # MNN.tools.mnnconvert wraps this, and installs a package that reports its use; this does neither
import MNN
import numpy as np

from engines import onnx_file
from engines.case import Case, LeftOutError, only


class Engine:
    note = ""

    def __init__(self, case: Case) -> None:
        only(case, "f32", "bf16")
        self.version = MNN.version()
        source, converted = str(case.path("mnn.onnx")), str(case.path("network.mnn"))
        case.path("mnn.onnx").write_bytes(onnx_file.for_case(case))
        _tools.mnnconvert(["mnnconvert", "-f", "ONNX", "--modelFile", source, "--MNNModel", converted])
        self.net = MNN.Interpreter(converted)
        self.session = self.open(case.threads, case.precision)
        self.input = self.net.getSessionInput(self.session)
        self.result = self.net.getSessionOutput(self.session)
        shape = (case.batch, 3, case.height, case.width)
        if tuple(self.input.getShape()) != shape:
            raise LeftOutError(f"its converted network takes {self.input.getShape()}")
        self.given = np.zeros(shape, np.float32)

    def open(self, threads: int, precision: str) -> object:
        return self.net.createSession(
            {"backend": "CPU", "numThread": threads, "precision": "Low_BF16" if precision == "bf16" else "high"}
        )

    def fill(self, pictures: np.ndarray) -> None:
        self.given[:] = pictures.transpose(0, 3, 1, 2)
        given = MNN.Tensor(self.given.shape, MNN.Halide_Type_Float, self.given, MNN.Tensor_DimensionType_Caffe)
        self.input.copyFrom(given)

    def run(self) -> None:
        self.net.runSession(self.session)

    def output(self) -> np.ndarray:
        shape = self.result.getShape()
        copy = MNN.Tensor(shape, MNN.Halide_Type_Float, np.zeros(shape, np.float32), MNN.Tensor_DimensionType_Caffe)
        self.result.copyToHostTensor(copy)
        return copy.getNumpyData().copy()
