"""`likeness extract` as a whole process: its start, the list, and writing the features are in the time."""

from __future__ import annotations

import subprocess

import numpy as np

from engines import header
from engines.case import Case, LeftOutError
from engines.likeness import Library


class Engine:
    note = "whole process"

    def __init__(self, case: Case) -> None:
        if case.precision != "f32" and not header.HAS_PRECISION:
            raise LeftOutError(f"this version has no {case.precision}")
        self.version = Library(case.library).version
        self.list, self.rows = case.path("photos.txt"), case.path("photos.npy")
        model = case.int8_model if case.precision == "int8" and case.int8_model else case.model
        options = [f"--threads={case.threads}", f"--backend={case.backend}", f"--size={case.height}x{case.width}"]
        if case.isa:
            options.append(f"--isa={case.isa}")
        if header.HAS_PRECISION:
            options.append(f"--precision={case.precision}")
        source = ["--feature=pooled", f"--output={self.rows}", model, str(self.list)]
        self.command = [case.command, "extract", *options, *source]

    def extract(self, files: list[str]) -> None:
        self.list.write_text("".join(f"{file}\t0\n" for file in files), encoding="utf-8")
        result = subprocess.run(self.command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if result.returncode:
            raise LeftOutError(result.stderr.strip())

    def look(self, files: list[str]) -> dict:
        self.extract(files)
        return {"rows": np.load(self.rows).astype(np.float64).tolist()}
