"""ncnn, from files in its own format: a text of layers, and their weights in order.

Batch norms are folded here, as pnnx does when it converts, and ReLU6 is the convolution's own activation.
"""

from __future__ import annotations

from pathlib import Path

import ncnn
import numpy as np

from engines.case import Case, LeftOutError, only
from engines.network import Layer, Network

RELU6 = "9=3 -23310=2,0.000000,6.000000"
FLOAT32 = np.zeros(1, np.int32).tobytes()  # the flag before weights that are stored as they are


class Writer:
    def __init__(self, case: Case, network: Network) -> None:
        self.lines = [f"Input x 0 1 x 0={case.width} 1={case.height} 2=3"]
        self.weights: list[bytes] = []
        # A blob has one reader: where a map is read twice, a Split makes two of it.
        self.shortcuts = {layer.shortcut for layer in network.layers if layer.shortcut}
        self.blobs = 1
        for layer in network.layers:
            self.layer(layer, *network.folded(layer))
        pooled = network.layers[-1].output
        self.add(f"Pooling pool2d_avg 1 1 {pooled} output 0=1 4=1")
        if case.feature == "logits":
            self.lines[-1] = f"Pooling pool2d_avg 1 1 {pooled} pool2d_avg 0=1 4=1"
            weight, bias = (network.tensors[f"classifier.1.{part}"] for part in ("weight", "bias"))
            self.add(f"InnerProduct classifier.1 1 1 pool2d_avg output 0={bias.size} 1=1 2={weight.size}")
            self.weights += [FLOAT32, np.ascontiguousarray(weight.T).tobytes(), bias.tobytes()]

    def add(self, line: str, outputs: int = 1) -> None:
        self.lines.append(line)
        self.blobs += outputs

    def layer(self, layer: Layer, weight: np.ndarray, bias: np.ndarray) -> None:
        # The first reader of a shared map is the block's own convolution, the second the sum at its end.
        x = f"{layer.input}.0" if layer.input in self.shortcuts else layer.input
        kind, groups = ("ConvolutionDepthWise", f"7={bias.size}") if layer.depthwise else ("Convolution", "")
        name, side = layer.activation or layer.norm, weight.shape[2]
        activation = RELU6 if layer.activation else ""
        self.add(
            f"{kind} {layer.conv} 1 1 {x} {name} 0={bias.size} 1={side} 3={layer.stride} 4={side // 2} 5=1 "
            f"6={weight.size} {groups} {activation}"
        )
        self.weights += [FLOAT32, weight.tobytes(), bias.tobytes()]
        if layer.add:
            self.add(f"BinaryOp {layer.add} 2 1 {name} {layer.shortcut}.1 {layer.add} 0=0")
        if layer.output in self.shortcuts:
            x = layer.output
            self.add(f"Split {x}.split 1 2 {x} {x}.0 {x}.1", outputs=2)

    def write(self, text: Path, binary: Path) -> None:
        text.write_text("\n".join(["7767517", f"{len(self.lines)} {self.blobs}", *self.lines, ""]))
        binary.write_bytes(b"".join(self.weights))


class Engine:
    def __init__(self, case: Case) -> None:
        only(case, "f32", "bf16")
        self.version = ncnn.__version__
        self.note = "one picture after another" if case.batch > 1 else ""
        text, binary = case.path("ncnn.param"), case.path("ncnn.bin")
        Writer(case, Network(Path(case.model))).write(text, binary)
        self.net = ncnn.Net()
        self.net.opt.num_threads = case.threads
        self.net.opt.use_bf16_storage = case.precision == "bf16"
        # float32 is to be float32, also where the processor has halves.
        self.net.opt.use_fp16_packed = self.net.opt.use_fp16_storage = self.net.opt.use_fp16_arithmetic = False
        if self.net.load_param(str(text)) or self.net.load_model(str(binary)):
            raise LeftOutError("cannot load the network")

    def fill(self, pictures: np.ndarray) -> None:
        self.given = [np.ascontiguousarray(picture.transpose(2, 0, 1)) for picture in pictures]
        self.inputs = [ncnn.Mat(picture) for picture in self.given]

    def run(self) -> None:
        self.results = []
        for picture in self.inputs:
            extractor = self.net.create_extractor()
            extractor.input("x", picture)
            self.results.append(extractor.extract("output")[1])

    def output(self) -> np.ndarray:
        return np.stack([np.array(result).reshape(-1) for result in self.results])
