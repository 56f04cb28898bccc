"""PyTorch on the network that bench/gpu measures, on the same machine: eager, channels-last and compiled, in float32
and half; cuDNN layer by layer; ONNX Runtime where it is installed. A line of JSON each. Needs PyTorch alone.

python gpu_torch.py --batch 256 --size 224 --seconds 3 --until SECONDS

Times do not depend on the weights, which are random here. `host` is as bench_gpu measures: bytes of pictures in pinned
memory to pooled features in the host's memory; `device` begins and ends on the device. What has not begun `--until`
seconds after the start is left out.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

TABLE = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
START = time.monotonic()


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Batch norm is folded: what a peer would do before it is measured."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inputs * expand
        layers: list[nn.Module] = [conv(inputs, wide, 1), nn.ReLU6()] if expand != 1 else []
        layers += [conv(wide, wide, 3, stride, wide), nn.ReLU6(), conv(wide, outputs, 1)]
        self.layers = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layers(x)
        return x + y if self.adds else y


def network() -> nn.Sequential:
    layers: list[nn.Module] = [conv(3, 32, 3, 2), nn.ReLU6()]
    channels = 32
    for expand, outputs, repeats, stride in TABLE:
        for repeat in range(repeats):
            layers.append(Block(channels, outputs, 1 if repeat else stride, expand))
            channels = outputs
    layers += [conv(channels, 1280, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers).eval()


def timed(run: Callable[[], object], seconds: float) -> list[float]:
    """Milliseconds of each run, sorted; the device is idle before and after each."""
    for _ in range(5):
        run()
    torch.cuda.synchronize()
    times: list[float] = []
    end = time.monotonic() + seconds
    while not times or time.monotonic() < end:
        begin = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) * 1e3)
    return sorted(times)


def report(engine: str, batch: int, size: int, times: dict[str, list[float]]) -> None:
    for where, each in times.items():
        median = statistics.median(each)
        say(what="peer", engine=engine, where=where, batch=batch, size=size, runs=len(each), least_ms=round(each[0], 4),
            median_ms=round(median, 4), pictures_per_s=round(batch / median * 1e3, 1))


def measure(engine: str, options: argparse.Namespace, batch: int) -> None:
    size, half, last = options.size, "half" in engine, "channels-last" in engine
    dtype = torch.float16 if half else torch.float32
    layout = torch.channels_last if last else torch.contiguous_format
    model: Any = network().to("cuda", dtype).to(memory_format=layout)
    if "compiled" in engine:
        model = torch.compile(model, mode="reduce-overhead")
    pixels = torch.randint(0, 256, (batch, size, size, 3), dtype=torch.uint8).pin_memory()
    resident = torch.rand((batch, 3, size, size), device="cuda", dtype=dtype).to(memory_format=layout)

    def host() -> torch.Tensor:
        x = pixels.to("cuda", non_blocking=True).permute(0, 3, 1, 2).to(dtype).sub(127.5).div(127.5)
        out: torch.Tensor = model(x.contiguous(memory_format=layout)).float().cpu()
        return out

    with torch.inference_mode():
        report(engine, batch, size, {"device": timed(lambda: model(resident), options.seconds / 2),
                                     "host": timed(host, options.seconds / 2)})


def cudnn_layers(options: argparse.Namespace, batch: int) -> None:
    """Each convolution by itself, half and channels-last, cuDNN's fastest algorithm; no activation."""
    x = torch.rand((batch, 3, options.size, options.size), device="cuda", dtype=torch.float16)
    model = network().to("cuda", torch.float16).to(memory_format=torch.channels_last)

    def hook(layer: nn.Module, inputs: tuple[torch.Tensor, ...], _output: torch.Tensor) -> None:
        shapes.append((layer, inputs[0].detach().clone(memory_format=torch.preserve_format)))

    shapes: list[tuple[nn.Module, torch.Tensor]] = []
    hooks = [m.register_forward_hook(hook) for m in model.modules() if isinstance(m, nn.Conv2d)]
    with torch.inference_mode():
        model(x.to(memory_format=torch.channels_last))
        for handle in hooks:
            handle.remove()
        for number, (layer, given) in enumerate(shapes):
            times = timed(lambda layer=layer, given=given: layer(given), 0.05)  # type: ignore[misc]
            say(what="cudnn", number=number, batch=batch, shape=list(given.shape), layer=str(layer),
                us=round(times[0] * 1e3, 2))


def onnxruntime(options: argparse.Namespace, batch: int) -> None:
    ort = importlib.import_module("onnxruntime")
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise RuntimeError("onnxruntime is installed without CUDA")
    file = io.BytesIO()
    x = torch.rand((batch, 3, options.size, options.size))
    torch.onnx.export(network(), (x,), file, input_names=["x"], output_names=["y"], dynamo=False)
    session = ort.InferenceSession(file.getvalue(), providers=["CUDAExecutionProvider"])
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise RuntimeError("onnxruntime fell back to the CPU")
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(x.numpy(), "cuda", 0))
    binding.bind_output("y", "cuda")
    times = timed(lambda: session.run_with_iobinding(binding), options.seconds)
    report("onnxruntime", batch, options.size, {"device": times})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--until", type=float, default=240)
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    say(what="torch", version=torch.__version__, cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version(),
        device=torch.cuda.get_device_name(0))
    engines = ["torch eager", "torch eager channels-last half", "torch compiled channels-last half",
               "torch compiled channels-last"]
    jobs: list[tuple[str, Callable[[], None]]] = [
        (f"{engine}, batch {batch}", lambda engine=engine, batch=batch: measure(engine, options, batch))
        for engine in engines for batch in (options.batch, 1)]
    jobs.insert(4, ("cuDNN by layer", lambda: cudnn_layers(options, options.batch)))
    jobs.append(("onnxruntime", lambda: onnxruntime(options, options.batch)))
    for name, job in jobs:
        if time.monotonic() - START > options.until:
            say(what="left out", name=name, why="no time was left")
            continue
        try:
            job()
        except Exception as error:  # whatever a peer lacks or fails in is its line in the report
            say(what="left out", name=name, why=f"{type(error).__name__}: {error}"[:300])
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
