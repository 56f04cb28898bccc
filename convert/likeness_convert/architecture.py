"""MobileNetV2 as Paddle builds and names it: layers, tensor shapes, and the width multiplier behind them.

The table is that of the paper (Sandler et al. 2018, table 2); rounding and names are those of
`paddle.vision.models.mobilenet_v2`, which torchvision shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from likeness_convert.errors import ConvertError

Shape = tuple[int, ...]

# (expansion, channels at scale 1, repeats, stride of the first)
INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM_CHANNELS = 32
LAST_CHANNELS = 1280

CLASSIFIER_WEIGHT = "classifier.1.weight"
CLASSIFIER_BIAS = "classifier.1.bias"

# Several multipliers can round to the same widths; the published ones are preferred, then hundredths.
PUBLISHED_SCALES = (1.0, 0.25, 0.35, 0.5, 0.75, 1.3, 1.4)
OTHER_SCALES = tuple(hundredths / 100 for hundredths in range(5, 401))


@dataclass(frozen=True)
class ConvNorm:
    """A convolution without bias and the batch norm behind it."""

    conv: str  # "features.1.conv.0.0"; its tensor is conv + ".weight"
    norm: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    groups: int
    relu6: bool

    @property
    def weight_shape(self) -> Shape:
        """[cout, cin/groups, kh, kw]"""
        return (self.out_channels, self.in_channels // self.groups, self.kernel, self.kernel)


@dataclass(frozen=True)
class Block:
    """Layers in a row; with `residual` the block's input is added to what leaves them."""

    layers: tuple[ConvNorm, ...]
    residual: bool


@dataclass(frozen=True)
class Architecture:
    """A MobileNetV2: `num_classes` is 0 where there is no classifier."""

    scale: float
    num_classes: int

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """features.0 … features.18"""
        stem = make_divisible(STEM_CHANNELS * self.scale)
        blocks = [Block((conv_norm_act("features.0", 3, stem, kernel=3, stride=2),), residual=False)]
        channels = stem
        for expansion, width, repeats, first_stride in INVERTED_RESIDUALS:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                out = make_divisible(width * self.scale)
                blocks.append(inverted_residual(f"features.{len(blocks)}", channels, out, expansion, stride))
                channels = out
        last = conv_norm_act(f"features.{len(blocks)}", channels, self.last_channels)
        return (*blocks, Block((last,), residual=False))

    @property
    def last_channels(self) -> int:
        """The length of the pooled feature."""
        return make_divisible(LAST_CHANNELS * max(1.0, self.scale))

    def layers(self) -> Iterator[ConvNorm]:
        """Every convolution in the order in which the network runs them."""
        for block in self.blocks:
            yield from block.layers

    def tensor_shapes(self) -> dict[str, Shape]:
        """Name and shape of every tensor, in the network's order."""
        shapes: dict[str, Shape] = {}
        for layer in self.layers():
            shapes[f"{layer.conv}.weight"] = layer.weight_shape
            for part in ("weight", "bias", "_mean", "_variance"):
                shapes[f"{layer.norm}.{part}"] = (layer.out_channels,)
        if self.num_classes:
            shapes[CLASSIFIER_WEIGHT] = (self.last_channels, self.num_classes)
            shapes[CLASSIFIER_BIAS] = (self.num_classes,)
        return shapes


def make_divisible(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, never more than a tenth below `channels`."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def conv_norm_act(
    name: str, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> ConvNorm:
    """Paddle's ConvNormActivation: the convolution is child 0, the batch norm child 1."""
    return ConvNorm(f"{name}.0", f"{name}.1", in_channels, out_channels, kernel, stride, groups, relu6=True)


def inverted_residual(name: str, in_channels: int, out_channels: int, expansion: int, stride: int) -> Block:
    """Expand (left out where it would not), filter each channel, project without activation."""
    hidden = in_channels * expansion
    layers: list[ConvNorm] = []
    if expansion != 1:
        layers.append(conv_norm_act(f"{name}.conv.0", in_channels, hidden))
    depthwise = f"{name}.conv.{len(layers)}"
    layers.append(conv_norm_act(depthwise, hidden, hidden, kernel=3, stride=stride, groups=hidden))
    project, norm = f"{name}.conv.{len(layers)}", f"{name}.conv.{len(layers) + 1}"
    layers.append(ConvNorm(project, norm, hidden, out_channels, kernel=1, stride=1, groups=1, relu6=False))
    return Block(tuple(layers), residual=stride == 1 and in_channels == out_channels)


def scale_of(conv_shapes: Mapping[str, Shape]) -> float:
    """The width multiplier whose convolutions agree with the most of `conv_shapes` (name → shape).

    A file with one misshapen tensor still gets its scale, so that the tensor can be named afterwards.
    Raises ConvertError where fewer than half agree: that is another network.
    """

    def agreeing(scale: float) -> int:
        layers = Architecture(scale, 0).layers()
        return sum(conv_shapes.get(f"{layer.conv}.weight") == layer.weight_shape for layer in layers)

    total = sum(1 for _ in Architecture(1.0, 0).layers())
    best, best_agreeing = 1.0, -1
    for scale in (*PUBLISHED_SCALES, *OTHER_SCALES):
        count = agreeing(scale)
        if count > best_agreeing:
            best, best_agreeing = scale, count
        if count == total:
            break
    if best_agreeing * 2 < total:
        raise ConvertError(
            f"is no MobileNetV2: at best {best_agreeing} of its {total} convolutions "
            "have the name and shape that some width multiplier gives"
        )
    return best
