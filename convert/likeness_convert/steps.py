"""The network as a list of steps, each a convolution with its batch norm, activation and residual sum fused into it.

What a step leaves is called by the name of the last layer that is fused into it, as Paddle names that layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from likeness_convert.architecture import Architecture, ConvNorm

INPUT, POOLED, CLASSIFIER = "input", "pool2d_avg", "classifier.1"


@dataclass(frozen=True)
class Step:
    """A convolution; `input`, `output` and `residual` name activations."""

    layer: ConvNorm
    input: str
    output: str
    residual: str | None  # is added before `output`
    ends_block: bool  # nothing that was before `output` is needed any more

    @property
    def depthwise(self) -> bool:
        """Whether each channel is filtered by itself."""
        return self.layer.groups > 1


def steps_of(architecture: Architecture) -> tuple[Step, ...]:
    """Every convolution in the order in which the network runs them."""
    steps: list[Step] = []
    at = INPUT
    for number, block in enumerate(architecture.blocks):
        entry = at
        for layer in block.layers:
            last = layer is block.layers[-1]
            residual = entry if block.residual and last else None
            output = f"features.{number}" if residual else activation_name(layer)
            steps.append(Step(layer, at, output, residual, ends_block=last))
            at = output
    return tuple(steps)


def activation_name(layer: ConvNorm) -> str:
    """features.0.1 is a batch norm, features.0.2 the ReLU6 behind it; a linear layer ends in its batch norm."""
    return layer.norm.removesuffix("1") + "2" if layer.relu6 else layer.norm
