"""Every package that the peers need, with its version, by the virtual environment that it goes to."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ENVIRONMENTS = {
    "onnx": (
        "numpy==2.4.6",
        "safetensors==0.8.0",
        "onnx==1.23.2",
        "onnxruntime==1.32.0",
        "openvino==2026.4.1",
        "ncnn==1.0.20261020",
        "MNN==3.6.1",
        "ai-edge-litert==2.3.0",
        "opencv-python-headless==4.10.0.84",
    ),
    "paddle": (
        "numpy==2.4.6",
        "safetensors==0.8.0",
        "paddlepaddle==3.3.1",
        "opencv-python-headless==4.10.0.84",
    ),
}
ONEDNN_AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}


@dataclass(frozen=True)
class Peer:
    """An engine: its environment, how AVX-512 is switched off in it, and its file below bench/engines."""

    name: str
    title: str
    environment: str = "onnx"
    avx2: dict[str, str] = field(default_factory=dict)
    file: str = ""  # where it is not the name
    is_ours: bool = False

    @property
    def module(self) -> str:
        return self.file or self.name


PEERS = (
    Peer("openvino", "OpenVINO", avx2=ONEDNN_AVX2),
    Peer("onnxruntime", "ONNX Runtime"),
    Peer("xnnpack", "XNNPACK"),
    Peer("ncnn", "ncnn"),
    Peer("mnn", "MNN"),
    Peer("paddle_inference", "Paddle Inference", "paddle", avx2=ONEDNN_AVX2),
    Peer("paddle_eager", "Paddle, eager", "paddle"),
)
OURS = Peer("likeness", "Likeness", is_ours=True)
# For more threads than one: what those gain.
OURS_ALONE = Peer("likeness_1_thread", "Likeness, 1 thread", file="likeness", is_ours=True)

# From files to features.
PHOTOS = (
    Peer("photos_command", "likeness extract", is_ours=True),
    Peer("photos_openvino", "OpenCV + OpenVINO", avx2=ONEDNN_AVX2),
    Peer("photos_paddle", "OpenCV + Paddle, eager", "paddle"),
)
OUR_PHOTOS = Peer("photos_likeness", "Likeness, its library", is_ours=True)
OUR_PHOTOS_ALONE = Peer("photos_1_thread", "Likeness, its library, 1 thread", file="photos_likeness", is_ours=True)

EVERY = {peer.name: peer for peer in (OURS, OURS_ALONE, *PEERS, OUR_PHOTOS, OUR_PHOTOS_ALONE, *PHOTOS)}


def python_of(environment: str, work: Path) -> Path:
    return work / "venvs" / environment / "bin/python"


@cache
def install(environment: str, work: Path) -> str:
    """Makes the environment where it is not there as it should be; the reason where that failed, else nothing."""
    wanted = ENVIRONMENTS[environment]
    python = python_of(environment, work)
    ready = python.parents[1] / f"ready-{hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]}"
    if ready.exists():
        return ""
    print(f"installing {environment}: {' '.join(wanted)}", file=sys.stderr)
    folder = str(python.parents[1])
    for command in ([sys.executable, "-m", "venv", "--clear", folder], [str(python), "-m", "pip", "install", *wanted]):
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if result.returncode:
            last = (result.stderr or result.stdout).strip().splitlines() or ["no reason given"]
            return f"cannot be installed: {last[-1]}"
    ready.touch()
    return ""
