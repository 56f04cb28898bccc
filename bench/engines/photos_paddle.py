"""The study's way: OpenCV, normalizing in NumPy, and Paddle called layer by layer, a picture at a time."""

from __future__ import annotations

import cv2
import numpy as np
import paddle

from engines import paddle_network, photos_opencv
from engines.case import Case, only


class Engine:
    note = ""

    def __init__(self, case: Case) -> None:
        only(case, "f32")
        self.version = paddle.__version__
        paddle.set_device("cpu")
        cv2.setNumThreads(case.threads)
        self.case, self.model = case, paddle_network.build(case)
        self.mean, self.std = (part[:, None, None] for part in photos_opencv.normalization(case))

    def one(self, file: str) -> np.ndarray:
        rgb = cv2.cvtColor(photos_opencv.pixels(self.case, file), cv2.COLOR_BGR2RGB)
        x = (rgb.astype(np.float32).transpose(2, 0, 1) / 255 - self.mean) / self.std
        with paddle.no_grad():
            return self.model(paddle.to_tensor(x[None])).numpy()[0]

    def extract(self, files: list[str]) -> np.ndarray:
        return np.stack([self.one(file) for file in files])

    def look(self, files: list[str]) -> dict:
        return photos_opencv.look(self.case, files, self.extract)
