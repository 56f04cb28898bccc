"""Paddle's own MobileNetV2 with the tensors of a model file."""

from __future__ import annotations

from pathlib import Path

import paddle

from engines.case import Case
from engines.network import Network


def build(case: Case) -> paddle.nn.Layer:
    network = Network(Path(case.model))
    model = paddle.vision.models.mobilenet_v2(scale=network.scale, num_classes=network.classes)
    missing, unexpected = model.set_state_dict(network.tensors)
    if missing or unexpected:
        raise SystemExit(f"{case.model}: Paddle's network lacks {unexpected} or misses {missing}")
    if case.feature == "pooled":
        model = paddle.nn.Sequential(model.features, model.pool2d_avg, paddle.nn.Flatten())
    model.eval()
    return model
