"""The options of post-training quantization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeconv.errors import UsageError
from edgeconv.quantize.observers import OBSERVERS

__all__ = ["AUTO", "EFFORTS", "RAISED", "REFINEMENTS", "QuantConfig"]

AUTO = "auto"
"""The method that takes mse, or another observer whose rounding the network's output shows clearly less of."""
_TRIED = ("mse", "percentile", "minmax")

REFINEMENTS = (
    "features", "equalize", "unseen", "means", "bias", "gptq", "fit", "free", "cheap", "streams", "ranges", "wide",
)  # fmt: skip
"""Raw features scaled, equalization of the float graph, ranges widened for what few samples do not show, 16 bits where
that is free or costs little, the search for ranges, 16 bits; the others are proposals for each layer.

"means" corrects biases by the float network's means, "bias" by what the int8 network so far gives; "fit" needs "gptq".
"""

EFFORTS: Mapping[str, tuple[str, ...]] = {
    "fast": ("features", "means"),
    "default": ("features", "equalize", "unseen", "bias", "gptq", "fit", "free", "cheap", "streams"),
    "best": ("features", "equalize", "unseen", "bias", "gptq", "fit", "free", "cheap", "streams", "ranges", "wide"),
}
"""The refinements of each level of effort; `best` also tries several ways, and takes the best on held-back samples."""

RAISED = ("int16", "float")
"""What an activation can be above int8. Layers that read or write one in float compute in float, with int8 weights."""


@dataclass(frozen=True)
class QuantConfig:
    """How to quantize: the observer that picks activation ranges (or AUTO), what stays in float, and the refinements.

    `exclude`: shell patterns matched against node and output names. `exclude_op`: operator types, edgeconv's or
    ONNX's, in any case. `effort`: fast, default or best. `refinements`: some of REFINEMENTS in place of the effort's.
    `time_budget`: seconds after which refining stops. `raised`: (value, one of RAISED) of activations above int8.
    """

    method: str = AUTO
    exclude: tuple[str, ...] = ()
    exclude_op: tuple[str, ...] = ()
    refinements: tuple[str, ...] | None = None
    effort: str = "default"
    time_budget: float | None = None
    raised: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.method not in (AUTO, *OBSERVERS):
            known = ", ".join((AUTO, *OBSERVERS))
            raise UsageError(f"there is no calibration method {self.method!r}; choose from {known}")
        if self.effort not in EFFORTS:
            raise UsageError(f"there is no effort {self.effort!r}; choose from {', '.join(EFFORTS)}")
        unknown = sorted(set(self.refinements or ()) - set(REFINEMENTS))
        if unknown:
            raise UsageError(f"there is no refinement {unknown[0]!r}; choose from {', '.join(REFINEMENTS)}")
        if self.time_budget is not None and not self.time_budget >= 0:
            raise UsageError(f"the time budget is {self.time_budget} seconds; it must not be negative")

    @property
    def steps(self) -> tuple[str, ...]:
        """The refinements asked for."""
        return EFFORTS[self.effort] if self.refinements is None else self.refinements

    @property
    def observers(self) -> tuple[str, ...]:
        """The observers to try."""
        return _TRIED if self.method == AUTO else (self.method,)
