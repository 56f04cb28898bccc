"""--verify: the written file against its source, both in Paddle, and against the engine where it is at hand.

Paddle is not among the package's dependencies: it is imported here, when asked for, and may be of any
version that runs the source (a Paddle 3 program needs Paddle 3).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.random  # before Paddle 2.6, which trips over it otherwise
import numpy.typing as npt
from safetensors import safe_open

from likeness_convert import source as sources
from likeness_convert.errors import ConvertError, VerifyError
from likeness_convert.picture import drawn_picture, write_png
from likeness_convert.source import Source

Outputs = dict[str, npt.NDArray[np.float32]]

LIMIT = 1e-4
SEED = 9
POOLED, LOGITS = "pool2d_avg", "classifier.1"


def run(source: Source, written: Path, likeness: str | None) -> None:
    """Prints the largest differences on stdout. Raises VerifyError above `LIMIT`, or where it cannot run."""
    paddle = import_paddle()
    try:
        ours = Network(paddle, written)
        picture = ours.picture()
        pixels = ours.input_of(picture)
        wanted = original_outputs(paddle, source, ours, pixels)
        differences = compare("Paddle, from the source", ours.outputs(pixels), wanted)
        if likeness:
            traced = trace(likeness, written, picture, set(wanted))
            differences |= compare("likeness", traced, wanted)
    except ConvertError:
        raise
    except Exception as error:  # Paddle raises many types, and its messages have many lines.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise VerifyError(f"Paddle {paddle.__version__} cannot run it: {reason[-1]}", source.path) from error
    worst = max(differences, key=lambda name: differences[name])
    if not differences[worst] <= LIMIT:
        raise VerifyError(f"{worst} differs by {differences[worst]:.3g}, more than {LIMIT:g}", written)


def import_paddle() -> Any:
    """The module. Raises VerifyError where it is not installed."""
    try:
        import paddle
    except ImportError as error:
        raise VerifyError(f"--verify needs Paddle, which cannot be imported: {error}") from error
    return paddle


class Network:
    """Paddle's own MobileNetV2 with the weights, epsilon and padding of a model file."""

    def __init__(self, paddle: Any, model: Path) -> None:
        self.paddle = paddle
        with safe_open(str(model), framework="numpy") as file:
            metadata: Mapping[str, str] = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        self.architecture = json.loads(metadata["architecture"])
        self.epsilon, self.padding = float(metadata["bn_epsilon"]), metadata["padding"]
        self.preprocess = json.loads(metadata["preprocess"])
        self.layers = self.fresh(tensors)

    def fresh(self, tensors: Mapping[str, Any]) -> Any:
        """A network of this architecture with other weights, in evaluation mode."""
        paddle = self.paddle
        layers = paddle.vision.models.mobilenet_v2(
            scale=self.architecture["scale"], num_classes=self.architecture["num_classes"]
        )
        missing, _unexpected = layers.set_state_dict(dict(tensors))
        if missing:
            raise VerifyError(f"Paddle's network has no {missing[0]}")
        for layer in layers.sublayers():
            if isinstance(layer, paddle.nn.BatchNorm2D):
                layer._epsilon = self.epsilon
            elif isinstance(layer, paddle.nn.Conv2D) and self.padding == "keras-same":
                layer._padding_algorithm = "SAME"
        layers.eval()
        return layers

    def picture(self) -> npt.NDArray[np.uint8]:
        """A picture of a size that the model's resizing leaves as it is."""
        shorter = self.preprocess.get("shorter")
        height, width = (shorter, shorter) if shorter else self.preprocess["size"]
        return drawn_picture(height, width, SEED)

    def input_of(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The middle of the picture, normalized: [1, 3, height, width]."""
        height, width = self.preprocess["size"]
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        middle = picture[top : top + height, left : left + width]
        mean, std = (np.array(self.preprocess[key], np.float32) for key in ("mean", "std"))
        pixels = (middle.astype(np.float32) / np.float32(255) - mean) / std
        return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])

    def outputs(self, pixels: npt.NDArray[np.float32]) -> Outputs:
        """The pooled feature and, where there is a classifier, the logits."""
        return outputs_of(self.paddle, self.layers, pixels)


def original_outputs(paddle: Any, source: Source, ours: Network, pixels: npt.NDArray[np.float32]) -> Outputs:
    """What Paddle makes of the source itself: only logits where a program ends in them. Raises VerifyError."""
    if source.form in (sources.TORCH, sources.KERAS):
        raise VerifyError("--verify needs a source that Paddle reads", source.path)
    if source.form == sources.STATE_DICT:
        return outputs_of(paddle, ours.fresh(paddle.load(str(source.path))), pixels)
    program = paddle.jit.load(str(source.path.with_suffix("")))
    program.eval()
    output = program(paddle.to_tensor(pixels)).numpy().ravel()
    if not ours.architecture["num_classes"]:
        if output.size != ours.outputs(pixels)[POOLED].size:
            raise VerifyError("the program gives logits, and the written file has none", source.path)
        return {POOLED: output}
    return {LOGITS: output}


def outputs_of(paddle: Any, layers: Any, pixels: npt.NDArray[np.float32]) -> Outputs:
    """Pooled feature and logits, flat, of a network without or with a classifier."""
    outputs: Outputs = {}

    def keep(_layer: Any, _inputs: Any, output: Any) -> None:
        outputs[POOLED] = output.numpy().ravel()

    hook = layers.pool2d_avg.register_forward_post_hook(keep)
    result = layers(paddle.to_tensor(pixels)).numpy().ravel()
    hook.remove()
    if layers.num_classes > 0:
        outputs[LOGITS] = result
    return outputs


def trace(likeness: str, model: Path, picture: npt.NDArray[np.uint8], names: set[str]) -> Outputs:
    """The engine's outputs under Paddle's names, from `likeness trace` on the picture as PNG."""
    with tempfile.TemporaryDirectory() as folder:
        png, out = Path(folder, "picture.png"), Path(folder, "trace")
        write_png(png, picture)
        command = [likeness, "trace", str(model), str(png), "-o", str(out)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except OSError as error:
            raise VerifyError(f"{likeness} cannot be run: {error.strerror}") from error
        except subprocess.CalledProcessError as error:
            raise VerifyError(f"{likeness} trace fails: {error.stderr.strip()[-200:]}") from error
        return {name: traced(out, name) for name in names}


def traced(folder: Path, name: str) -> npt.NDArray[np.float32]:
    """One layer's values, flat. A map of one pixel is the same in every layout."""
    file = folder / f"{name}.npy"
    if not file.is_file():
        raise VerifyError(f"likeness trace has written no {file.name}")
    values: npt.NDArray[np.float32] = np.load(file, allow_pickle=False).ravel()
    return values


def compare(whose: str, ours: Outputs, wanted: Outputs) -> dict[str, float]:
    """Prints and returns the largest difference of each output."""
    differences = {}
    for name, values in wanted.items():
        if ours[name].shape != values.shape:
            raise VerifyError(f"{name} has {ours[name].size} values, and {values.size} in Paddle")
        differences[name] = float(np.abs(ours[name] - values).max())
        print(f"{name}: largest difference {differences[name]:.3g} ({whose})")
    return differences
