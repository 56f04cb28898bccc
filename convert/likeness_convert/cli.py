"""The command line: `likeness-convert SOURCE -o MODEL.safetensors`, and the subcommands `features` and `quantize`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from likeness_convert import __version__, atomic, cli_quantize, features, labels, model, model_file, source, verify
from likeness_convert.errors import EXIT_USAGE, ConvertError, UsageError, about

PROGRAM = "likeness-convert"
MAX_MESSAGE = 600  # names in a file can be of any length

EPILOG = """\
SOURCE is a .pdparams state dict, a .pdmodel or .json program with its .pdiparams beside it, a prefix of
these without extension, a PyTorch state dict, or a Keras .h5. `likeness-convert features IN OUT` turns a feature matrix
from .npy into .pkl or back. A source called `features` or `quantize` is written ./features.
`likeness-convert quantize MODEL --images LIST` makes an int8 model file of a float one.

exit status: 0 done, 1 an input is refused, 2 wrong usage, 3 the output cannot be written, 4 --verify failed"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status. Only argparse exits by itself, for --help and wrong usage."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments[:1] == ["features"]:
            return run_features(arguments[1:])
        if arguments[:1] == ["quantize"]:
            return cli_quantize.run(quantize_parser().parse_args(arguments[1:]), warn=complain)
        return run_convert(arguments)
    except ConvertError as error:
        complain(str(error))
        return error.status
    except KeyboardInterrupt:
        return 130


def complain(message: str) -> None:
    """One line on stderr, whatever a hostile file has put into the message."""
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in message[:MAX_MESSAGE])
    print(f"{PROGRAM}: {line}", file=sys.stderr)


def run_convert(arguments: Sequence[str]) -> int:
    """SOURCE → model file."""
    wanted = convert_parser().parse_args(arguments)
    with about(wanted.source):
        path, others = source.find(wanted.source)
    if others:
        complain(f"{wanted.source}: taking {path.name}, not {', '.join(other.name for other in others)}")
    with about(path):
        weights = source.read(path)
        built = model.build(weights, options_of(wanted), warn=complain)
        if wanted.output.exists() and wanted.output.samefile(path):
            raise UsageError("is the source, and would be overwritten")
    metadata = dict(built.metadata)
    if wanted.labels:
        metadata |= labels.read(wanted.labels, built.architecture.num_classes)
    with about(path):
        data = model_file.encode(built.tensors, metadata, wanted.dtype)
    atomic.write(wanted.output, data)
    if wanted.verify:
        verify.run(weights, wanted.output, wanted.likeness)
    return 0


def run_features(arguments: Sequence[str]) -> int:
    """.npy ↔ .pkl"""
    wanted = features_parser().parse_args(arguments)
    features.convert(wanted.input, wanted.output)
    return 0


def options_of(wanted: argparse.Namespace) -> model.Options:
    """The part of the command line that describes the model. Raises UsageError."""
    if wanted.verify and wanted.dtype != "float32":
        raise UsageError("--verify compares float32 files; leave --dtype out")
    if wanted.likeness and not wanted.verify:
        raise UsageError("--likeness belongs to --verify")
    if wanted.labels and wanted.drop_classifier:
        raise UsageError("--labels names the classes of a classifier that --drop-classifier leaves out")
    return model.Options(
        num_classes=wanted.num_classes,
        drop_classifier=wanted.drop_classifier,
        padding=wanted.padding,
        bn_epsilon=wanted.bn_epsilon,
        size=wanted.size,
        resize_shorter=wanted.resize_shorter,
        mean=wanted.mean,
        std=wanted.std,
    )


class Parser(argparse.ArgumentParser):
    """Complains in one line, as every other error does."""

    def error(self, message: str) -> NoReturn:
        complain(f"{message} (see --help)")
        sys.exit(EXIT_USAGE)


def convert_parser() -> Parser:
    """SOURCE -o MODEL and its options."""
    parser = Parser(
        PROGRAM,
        description="Turn MobileNetV2 weights of Paddle, PyTorch or Keras into a Likeness model file.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("source", type=Path, metavar="SOURCE", help="a file, or the prefix that a program's files share")
    add("-o", "--output", type=Path, required=True, metavar="MODEL", help="the safetensors file to write")
    add("--labels", type=Path, metavar="INFO", help="dataset_info.json with the class names")
    add("--num-classes", type=positive, metavar="N", help="wanted classes; another count drops the classifier")
    add("--drop-classifier", action="store_true", help="keep the features alone")
    add("--padding", choices=("paddle", "keras-same"), help="default: the source's, else paddle")
    add("--bn-epsilon", type=epsilon, metavar="E", help="default: the source's, else 1e-5")
    add(
        "--size",
        type=input_size,
        metavar="N",
        help="input height and width; default: the source's, else 227",
    )
    add("--resize-shorter", type=positive, metavar="N", help="shorter side to N, then a crop of --size")
    add("--mean", type=channels, metavar="R,G,B", help="default: 0.5 for Keras, else ImageNet's")
    add("--std", type=deviations, metavar="R,G,B", help="default: 0.5 for Keras, else ImageNet's")
    add("--dtype", choices=tuple(model_file.DTYPES), default="float32", help="of every tensor (%(default)s)")
    add("--verify", action="store_true", help="compare with the source in Paddle, which must be installed")
    add("--likeness", metavar="PATH", help="with --verify: compare this likeness command as well")
    add("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def features_parser() -> Parser:
    """features IN OUT"""
    parser = Parser(f"{PROGRAM} features", description="Turn features from .npy into the study's .pkl, or back.")
    parser.add_argument("input", type=Path, metavar="IN", help="float32 [n, dim], .npy or .pkl")
    parser.add_argument("output", type=Path, metavar="OUT", help="the other of the two")
    return parser


def quantize_parser() -> Parser:
    """quantize MODEL --images LIST"""
    parser = Parser(f"{PROGRAM} quantize", description=cli_quantize.DESCRIPTION, allow_abbrev=False)
    cli_quantize.add_arguments(parser)
    return parser


def positive(text: str) -> int:
    """A whole number from 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def input_size(text: str) -> int:
    """A height and width that the engine takes."""
    value = int(text)
    if value not in model.SIZES:
        raise argparse.ArgumentTypeError(f"{value} is not from {model.SIZES.start} to {model.SIZES.stop - 1}")
    return value


def epsilon(text: str) -> float:
    """A small positive number."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def channels(text: str) -> tuple[float, float, float]:
    """Three finite numbers with commas between them."""
    values = tuple(float(part) for part in text.split(","))
    if len(values) != 3 or not all(math.isfinite(value) for value in values):
        raise argparse.ArgumentTypeError(f"{text} is not three numbers with commas between them")
    return values


def deviations(text: str) -> tuple[float, float, float]:
    """Three positive numbers."""
    values = channels(text)
    if min(values) <= 0:
        raise argparse.ArgumentTypeError(f"{text} has a deviation that is not positive")
    return values
