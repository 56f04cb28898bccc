"""OpenCV and OpenVINO, from files to pooled features: bytes go in, normalizing is a part of its graph. More threads are
as many streams, with one picture each.
"""

from __future__ import annotations

import numpy as np
import openvino as ov
from openvino.preprocess import ColorFormat

from engines import photos_opencv
from engines.case import Case, only
from engines.openvino import VERSION, prepared, settings


class Lane:
    def __init__(self, case: Case, compiled: ov.CompiledModel) -> None:
        self.case, self.request = case, compiled.create_infer_request()
        self.input = np.empty((1, case.height, case.width, 3), np.uint8)
        self.request.set_input_tensor(ov.Tensor(self.input, shared_memory=True))

    def __call__(self, file: str) -> np.ndarray:
        self.input[0] = photos_opencv.pixels(self.case, file)
        self.request.infer(share_outputs=True)
        return self.request.get_output_tensor().data[0].copy()


class Engine:
    version = VERSION
    note = ""

    def __init__(self, case: Case) -> None:
        only(case, "f32", "bf16", "int8")
        mean, std = (part * 255 for part in photos_opencv.normalization(case))
        core = ov.Core()
        processor = prepared(core, case)
        processor.input().tensor().set_element_type(ov.Type.u8).set_color_format(ColorFormat.BGR)
        steps = processor.input().preprocess()
        steps.convert_element_type(ov.Type.f32).convert_color(ColorFormat.RGB).mean(mean.tolist()).scale(std.tolist())
        compiled = core.compile_model(processor.build(), "CPU", {**settings(case), "NUM_STREAMS": case.threads})
        self.case = case
        self.threads = photos_opencv.Threads([Lane(case, compiled) for _ in range(case.threads)])

    def extract(self, files: list[str]) -> np.ndarray:
        return self.threads.extract(files)

    def look(self, files: list[str]) -> dict:
        return photos_opencv.look(self.case, files, self.extract)
