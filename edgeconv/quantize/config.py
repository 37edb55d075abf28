"""The options of post-training quantization."""

from __future__ import annotations

from dataclasses import dataclass

from edgeconv.errors import UsageError
from edgeconv.quantize.observers import OBSERVERS

__all__ = ["REFINEMENTS", "QuantConfig"]

REFINEMENTS = ("equalize", "bias", "gptq", "fit")
"""Equalization of the float graph first; then proposals for each layer ("fit" needs "gptq"), see `refine_layers`."""


@dataclass(frozen=True)
class QuantConfig:
    """How to quantize: the observer that picks activation ranges, what stays in float, and the refinements.

    `exclude`: shell patterns matched against node and output names. `exclude_op`: operator types, edgeconv's or
    ONNX's, in any case. `refinements`: some of REFINEMENTS.
    """

    method: str = "mse"
    exclude: tuple[str, ...] = ()
    exclude_op: tuple[str, ...] = ()
    refinements: tuple[str, ...] = REFINEMENTS

    def __post_init__(self) -> None:
        if self.method not in OBSERVERS:
            raise UsageError(f"there is no calibration method {self.method!r}; choose from {', '.join(OBSERVERS)}")
        unknown = sorted(set(self.refinements) - set(REFINEMENTS))
        if unknown:
            raise UsageError(f"there is no refinement {unknown[0]!r}; choose from {', '.join(REFINEMENTS)}")
