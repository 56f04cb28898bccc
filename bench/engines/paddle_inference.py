"""Paddle Inference with oneDNN, from a program that Paddle saves of its own network."""

from __future__ import annotations

import numpy as np
import paddle
from paddle import inference

from engines import paddle_network
from engines.case import Case, only


class Engine:
    note = ""

    def __init__(self, case: Case) -> None:
        only(case, "f32", "bf16")
        self.version = paddle.__version__
        shape = [case.batch, 3, case.height, case.width]
        prefix = case.path("paddle")
        paddle.jit.save(paddle_network.build(case), str(prefix), [paddle.static.InputSpec(shape, "float32", "x")])
        config = inference.Config(f"{prefix}.json", f"{prefix}.pdiparams")
        config.disable_gpu()
        config.enable_onednn()
        config.set_cpu_math_library_num_threads(case.threads)
        if case.precision == "bf16":
            config.enable_onednn_bfloat16()
        self.predictor = inference.create_predictor(config)
        self.input = self.predictor.get_input_handle(self.predictor.get_input_names()[0])
        self.result = self.predictor.get_output_handle(self.predictor.get_output_names()[0])

    def fill(self, pictures: np.ndarray) -> None:
        self.input.copy_from_cpu(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))

    def run(self) -> None:
        self.predictor.run()

    def output(self) -> np.ndarray:
        return self.result.copy_to_cpu()
