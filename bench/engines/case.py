"""What one measurement asks of an engine; passed to its process as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

PRECISIONS = {"model": 0, "f32": 1, "bf16": 2, "int8": 3}  # lk_plan_options.precision


class LeftOutError(Exception):
    """An engine cannot do what a case asks; the message is the reason that the table shows."""


@dataclass(frozen=True)
class Case:
    model: str  # model file, float32
    int8_model: str  # Likeness' own quantized model file; empty: `model`
    library: str  # liblikeness.so
    command: str  # likeness
    backend: str
    height: int  # 0 until files.prepared: the model file's
    width: int
    inputs: str = ""  # .npy: float32 [pictures][height][width][3]
    folder: str = ""  # for engines' own files, and the network quantized for the peers (quantized.py)
    batch: int = 1
    threads: int = 1
    precision: str = "f32"
    isa: str = ""  # "" is all that the machine has; "avx2" switches AVX-512 off where that can be done
    huge_pages: bool = True
    feature: str = "logits"  # or "pooled"
    photos: bool = False  # from picture files to features, not from `inputs`
    counters: bool = False  # times of single layers are wanted (OpenVINO)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def path(self, name: str) -> Path:
        return Path(self.folder) / name


class Engine(Protocol):
    """A network ready to run; making one raises LeftOutError where a case asks for what the engine lacks."""

    version: str
    note: str  # what a reader of the table must know, or empty

    def fill(self, pictures: np.ndarray) -> None:
        """Converts float32 [batch][height][width][3] to the engine's own input. Not timed."""

    def run(self) -> None: ...

    def output(self) -> np.ndarray:
        """Of the last run, [batch][values]."""


def only(case: Case, *precisions: str) -> None:
    if case.precision not in precisions:
        raise LeftOutError(f"has no {case.precision} path for this network on x86-64")
