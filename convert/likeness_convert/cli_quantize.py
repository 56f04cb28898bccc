"""The command line of `likeness-convert quantize MODEL --images LIST`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from likeness_convert import atomic, calibration, folding, int8_file, quantize, ranges
from likeness_convert.errors import UsageError, about

DESCRIPTION = """\
Turn a float model file into an int8 one: weights of 8 bits with a scale for each output channel, activations of
8 bits with a scale and a zero point for each layer, chosen so that the network works on the pictures of LIST."""

DEFAULT_PICTURES = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL --images LIST and the options."""
    defaults = quantize.Options()
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a float model file")
    add("--images", type=Path, required=True, metavar="LIST", help="pictures to calibrate on, as of `likeness extract`")
    add("-o", "--output", type=Path, metavar="OUT", help="default: MODEL_int8.safetensors")
    add("--method", choices=ranges.METHODS, default=defaults.method, help="of the activations' ranges (%(default)s)")
    add("--percentile", type=percentile, metavar="P", help=f"what that method keeps ({defaults.percentile})")
    add("--equalize", action="store_true", help="make the channels' ranges within blocks more alike first")
    add("--no-bias-correction", action="store_true", help="leave the biases as they are")
    add(
        "--pictures",
        type=int,
        default=DEFAULT_PICTURES,
        metavar="N",
        help="at most so many, evenly from the list (%(default)s)",
    )
    add("--likeness", metavar="COMMAND", help="the likeness command, which decodes the pictures; default: on the PATH")


def run(wanted: argparse.Namespace, warn: Callable[[str], None]) -> int:
    """Writes the int8 file and prints how well it agrees. Raises ConvertError."""
    if wanted.percentile is not None and wanted.method != "percentile":
        raise UsageError("--percentile belongs to --method percentile")
    if wanted.pictures < 1:
        raise UsageError(f"--pictures {wanted.pictures} is less than 1")
    options = quantize.Options(
        method=wanted.method,
        percentile=wanted.percentile or quantize.Options.percentile,
        equalize=wanted.equalize,
        correct_biases=not wanted.no_bias_correction,
    )
    network = folding.read(wanted.model)
    output: Path = wanted.output or wanted.model.with_name(f"{wanted.model.stem}_int8.safetensors")
    if output.exists() and output.samefile(wanted.model):
        raise UsageError("is the source, and would be overwritten", output)
    pictures = calibration.load(wanted.model, wanted.images, wanted.pictures, wanted.likeness, warn)
    with about(wanted.model):
        quantized, agreement = quantize.quantize(network, pictures.inputs, options)
        entry = quantize.describe(options) | {"pictures": len(pictures.inputs), "sha256": pictures.sha256}
        data = int8_file.encode(quantized, network.metadata, entry)
    atomic.write(output, data)
    report(agreement)
    return 0


def report(agreement: quantize.Agreement) -> None:
    """One line."""
    top1 = "" if agreement.top1 is None else f"the same class in {agreement.top1:.1%}, "
    cosine = f"pooled cosine {agreement.mean_cosine:.4f} in the mean, {agreement.least_cosine:.4f} at least"
    print(f"int8 beside float32 on {agreement.pictures} pictures: {top1}{cosine}")


def percentile(text: str) -> float:
    """From 50 to 100."""
    value = float(text)
    if not 50 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not above 50 and at most 100")
    return value
