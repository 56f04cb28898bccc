"""From a source to a model: every tensor checked, the class count settled, the metadata said.

Nothing here reads or writes a file; `source` and `model_file` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from likeness_convert.architecture import CLASSIFIER_BIAS, CLASSIFIER_WEIGHT, Architecture, Shape, scale_of
from likeness_convert.errors import ConvertError, UsageError
from likeness_convert.source import Source
from likeness_convert.state_dict import FloatArray

FORMAT_VERSION = "1"
DEFAULT_SIZE = (227, 227)
SIZES = range(32, 1025)  # heights and widths that the engine takes
DEFAULT_EPSILON = 1e-5
DEFAULT_PADDING = "paddle"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Options:
    """What the command line says about a model; None where it leaves the word to the source."""

    num_classes: int | None = None
    drop_classifier: bool = False
    padding: str | None = None
    bn_epsilon: float | None = None
    size: int | None = None
    resize_shorter: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Model:
    """Checked tensors under Paddle's names, and the metadata that belongs to them."""

    architecture: Architecture
    tensors: dict[str, FloatArray]
    metadata: dict[str, Any]


def build(source: Source, options: Options, warn: Callable[[str], None]) -> Model:
    """The model in `source`. `warn` gets the study's lines where the classifier is left out.

    Raises ConvertError naming the tensor that is missing, too many, misshapen or not finite, and
    UsageError where an option contradicts the source.
    """
    tensors = dict(source.tensors)
    if options.drop_classifier:
        drop_classifier(tensors)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    architecture = Architecture(scale_of(shapes), class_count(shapes))
    check_shapes(shapes, architecture.tensor_shapes())
    check_values(tensors)
    wanted = options.num_classes
    if wanted is not None and wanted != architecture.num_classes:
        for line in skip_warnings(architecture, wanted):
            warn(line)
        drop_classifier(tensors)
        architecture = Architecture(architecture.scale, 0)
    return Model(architecture, tensors, describe(source, options, architecture))


def drop_classifier(tensors: dict[str, FloatArray]) -> None:
    """Leaves the features alone."""
    for name in (CLASSIFIER_WEIGHT, CLASSIFIER_BIAS):
        tensors.pop(name, None)


def class_count(shapes: Mapping[str, Shape]) -> int:
    """The classifier's number of columns, 0 where there is none."""
    if CLASSIFIER_BIAS in shapes or CLASSIFIER_WEIGHT in shapes:
        shape = shapes.get(CLASSIFIER_WEIGHT) or shapes.get(CLASSIFIER_BIAS) or (0,)
        if shape[-1] == 0:
            raise ConvertError(f"{CLASSIFIER_WEIGHT} has the shape {list(shape)}: no classes")
        return shape[-1]
    return 0


def check_shapes(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> None:
    """Raises ConvertError for the first tensor that is missing, misshapen or too many."""
    for name, shape in expected.items():
        if name not in found:
            raise ConvertError(f"the tensor {name} of shape {list(shape)} is missing")
        if found[name] != shape:
            raise ConvertError(f"the tensor {name} has the shape {list(found[name])}, not {list(shape)}")
    for name, shape in sorted(found.items()):
        if name not in expected:
            raise ConvertError(f"the tensor {name} of shape {list(shape)} is no part of MobileNetV2")


def check_values(tensors: Mapping[str, FloatArray]) -> None:
    """Raises ConvertError for a tensor that would make the network's output NaN."""
    for name, tensor in tensors.items():
        finite = np.isfinite(tensor)
        if not finite.all():
            count = tensor.size - int(finite.sum())
            raise ConvertError(f"the tensor {name} of shape {list(tensor.shape)} has {count} values NaN or infinite")
        if name.endswith("._variance") and tensor.min() < 0:
            raise ConvertError(f"the tensor {name} has the negative variance {tensor.min():g}")


def skip_warnings(architecture: Architecture, wanted: int) -> list[str]:
    """What Paddle prints when such weights meet a network of `wanted` classes."""
    expected = Architecture(architecture.scale, wanted).tensor_shapes()
    actual = architecture.tensor_shapes()
    lines = []
    for name in (CLASSIFIER_WEIGHT, CLASSIFIER_BIAS):
        if name in actual:
            reason = f"receives a shape {list(actual[name])}, but the expected shape is {list(expected[name])}."
        else:
            reason = "is not found in the provided dict."
        lines.append(f"Skip loading for {name}. {name} {reason}")
    return lines


def describe(source: Source, options: Options, architecture: Architecture) -> dict[str, Any]:
    """The metadata, labels aside. Raises UsageError."""
    return {
        "format_version": FORMAT_VERSION,
        "architecture": {
            "name": "mobilenet_v2",
            "num_classes": architecture.num_classes,
            "scale": architecture.scale,
        },
        "weights_form": "unfolded",
        "bn_epsilon": repr(settled("--bn-epsilon", options.bn_epsilon, source.bn_epsilon, DEFAULT_EPSILON)),
        "padding": settled("--padding", options.padding, source.padding, DEFAULT_PADDING),
        "preprocess": preprocess(source, options),
        "source": {"files": [asdict(file) for file in source.files], "form": source.form},
    }


def settled(option: str, said: Any, read: Any, default: Any) -> Any:
    """The option's value, the source's, or the default. Raises UsageError where the first two differ."""
    if said is not None and read is not None and said != read:
        raise UsageError(f"{option} {said} contradicts the source, which says {read}")
    return next((value for value in (said, read) if value is not None), default)


def preprocess(source: Source, options: Options) -> dict[str, Any]:
    """How a picture becomes the input: straight to size, or the shorter side and then a centre crop."""
    size = (options.size, options.size) if options.size else source.input_size or DEFAULT_SIZE
    if size[0] not in SIZES or size[1] not in SIZES:
        raise UsageError(f"the source takes pictures of {size[0]} × {size[1]}, the engine does not: give --size")
    mean = options.mean or source.mean or IMAGENET_MEAN
    std = options.std or source.std or IMAGENET_STD
    entry: dict[str, Any] = {"mean": mean, "resize": "exact", "size": size, "std": std}
    if options.resize_shorter is not None:
        if options.resize_shorter < max(size):
            raise UsageError(f"--resize-shorter {options.resize_shorter} is less than the crop, {max(size)}")
        entry |= {"resize": "shorter", "shorter": options.resize_shorter}
    return entry
