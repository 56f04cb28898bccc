"""Files that several engines read, made by engines/make.py: it needs packages that bench/peers itself does without."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

from engines import packages
from engines.case import Case
from engines.options import WORK
from engines.process import environment

CALIBRATION = 32  # pictures


def make(*arguments: str) -> str:
    command = [str(packages.python_of("onnx", WORK)), "-m", "engines.make", *arguments]
    result = subprocess.run(command, env=environment({}), capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"bench/peers: {arguments[0]}: {result.stderr.strip()}")
    return result.stdout


def begin() -> None:
    """What all else needs: the folder to work in, and the packages that write models."""
    WORK.mkdir(parents=True, exist_ok=True)
    reason = packages.install("onnx", WORK)
    if reason:
        raise SystemExit(f"bench/peers: the packages {reason}")


def random_model(width: float) -> Path:
    path = WORK / f"random_{width:g}.safetensors"
    if not path.exists():
        make("random", str(path), str(width))
    return path


def layer_names(case: Case) -> list[str]:
    """In the network's order."""
    return json.loads(make("layers", case.model))


def prepared(case: Case, pictures: Path | None, with_int8: bool) -> Case:
    """The case with its input size where it names none, its folder and its inputs."""
    if not case.height:
        height, width = json.loads(make("size", case.model))
        case = replace(case, height=height, width=width)
    folder = WORK / f"{Path(case.model).stem}_{case.height}x{case.width}"
    folder.mkdir(parents=True, exist_ok=True)
    case = replace(case, folder=str(folder), inputs=str(folder / "inputs.npy"))
    make("inputs", case.to_json(), str(pictures or ""), str(max(CALIBRATION, case.batch)))
    if with_int8:
        make("quantized", case.to_json())
    return case
