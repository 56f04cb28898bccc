"""What the converter's tests share: the fixtures, a way to run the command, and pickles made to measure."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness_convert import cli
from likeness_convert.architecture import Architecture

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
SHARED = Path(__file__).resolve().parents[3] / "shared"

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a run of the command left."""

    status: int
    stdout: str
    stderr: str


Command = Callable[..., Outcome]


@pytest.fixture
def convert(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `likeness-convert` with its arguments in this process."""

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as leaving:  # argparse leaves so
            status = int(leaving.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


def random_state(scale: float = 0.25, num_classes: int = 12) -> Arrays:
    """A state dict of Paddle's names and shapes with random values; variances are positive."""
    rng = np.random.default_rng(1)
    shapes = Architecture(scale, num_classes).tensor_shapes()
    return {name: rng.uniform(0.1, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def save_state(path: Path, state: object, protocol: int = 4) -> Path:
    """Pickles a state dict as Paddle does; returns the path."""
    path.write_bytes(pickle.dumps(state, protocol))
    return path


def one_line(stderr: str) -> bool:
    """Whether stderr is a single complaint of the command."""
    return stderr.startswith("likeness-convert: ") and stderr.count("\n") == 1 and stderr.endswith("\n")
