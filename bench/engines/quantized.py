"""The network in int8, once for all peers that take it: ONNX with QuantizeLinear and DequantizeLinear pairs.

Weights symmetric, a scale a channel; activations unsigned 8 bits, a scale a tensor, by the largest values seen in the
case's inputs. XNNPACK's file gets the same scales (tflite_file.py). Time does not depend on how well they are chosen.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from engines import onnx_file
from engines.case import Case
from engines.network import Network


class Inputs(CalibrationDataReader):
    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures = iter(pictures)

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self.pictures, None)
        return None if picture is None else {"x": np.ascontiguousarray(picture.transpose(2, 0, 1))[None]}


def write(case: Case) -> None:
    """FEATURE.onnx in the case's folder of quantized networks, for one picture."""
    case = replace(case, batch=1)
    plain = onnx_file.make(Network(Path(case.model)), case, folded=True)
    quantize_static(
        plain, f"{case.folder}/{case.feature}.onnx", Inputs(np.load(case.inputs)), quant_format=QuantFormat.QDQ,
        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip


class Scales:
    """What quantize_static chose for the tensor of a name: scale and zero point."""

    def __init__(self, case: Case) -> None:
        model = onnx.load(f"{case.folder}/{case.feature}.onnx")
        self.constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}

    def __call__(self, name: str) -> tuple[float, int]:
        return float(self.constants[f"{name}_scale"]), int(self.constants[f"{name}_zero_point"])
