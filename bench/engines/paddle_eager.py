"""Paddle as the study calls it: layer by layer from Python, no graph."""

from __future__ import annotations

import numpy as np
import paddle

from engines import paddle_network
from engines.case import Case, only


class Engine:
    note = ""

    def __init__(self, case: Case) -> None:
        only(case, "f32")
        self.version = paddle.__version__
        paddle.set_device("cpu")
        self.model = paddle_network.build(case)

    def fill(self, pictures: np.ndarray) -> None:
        self.input = paddle.to_tensor(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))

    def run(self) -> None:
        with paddle.no_grad():
            self.result = self.model(self.input)

    def output(self) -> np.ndarray:
        return self.result.numpy()
