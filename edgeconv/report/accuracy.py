"""AccuracyReport: what a comparison found, as plain frozen data. Renderers turn it into text, JSON and Markdown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, sqrt
from typing import TYPE_CHECKING

from edgeconv.files import replacing
from edgeconv.report.conversion import Conversion, FloatNode

if TYPE_CHECKING:
    from edgeconv.data.input_statistics import InputFacts
    from edgeconv.report.layers import LayerReport
    from edgeconv.runtime.profile import Profile

__all__ = [
    "CLASSIFICATION",
    "METRICS",
    "RANDOM_STAMP",
    "AccuracyReport",
    "Flip",
    "Flips",
    "ModelFacts",
    "OutputFidelity",
]

CLASSIFICATION = ("top1", "top5")
"""Metrics that need labels and give a share, 0 to 1."""
METRICS = (*CLASSIFICATION, "mse", "sqnr")

RANDOM_STAMP = "random data: not an accuracy claim"


@dataclass(frozen=True)
class OutputFidelity:
    """One output against the reference's: SQNR in dB (infinite when equal), mean squared and largest error."""

    name: str
    sqnr: float
    mse: float
    largest_error: float


@dataclass(frozen=True)
class ModelFacts:
    """Which model was measured. `bytes`: of its file, external data included; None for a model without one.

    `activation_bytes`: of all activations that live at the same time, at batch 1; None where that depends on the input.
    """

    name: str
    precision: str
    operators: int
    bytes: int | None = None
    digest: str = ""
    activation_bytes: int | None = None


@dataclass(frozen=True)
class Flip:
    """Decisions that the reference gives to class `before` and the candidate to class `after`.

    `lost`: of them, right before and wrong now; `gained`: the other way round; None without labels.
    """

    before: int
    after: int
    count: int
    lost: int | None = None
    gained: int | None = None


@dataclass(frozen=True)
class Flips:
    """Where both models decide otherwise; `pairs` of classes, the most frequent first."""

    classes: int
    decisions: int
    flipped: int
    lost: int | None
    gained: int | None
    pairs: tuple[Flip, ...]

    @property
    def drop_error(self) -> float | None:
        """The standard error of the drop in top-1, as a share: of lost - gained, which are counted on the same samples.

        sqrt(lost + gained - (lost - gained)^2 / n) / n; None without labels.
        """
        if self.lost is None or self.gained is None or not self.decisions:
            return None
        net = self.lost - self.gained
        return sqrt(max(self.lost + self.gained - net * net / self.decisions, 0.0)) / self.decisions


@dataclass(frozen=True)
class AccuracyReport:
    """A candidate (in general int8) measured on samples, beside a reference (in general fp32) where there is one.

    `fp32`, `int8`: the metric's value of the reference and of the candidate: shares for top1 and top5, the mean squared
    error or the SQNR in dB (of the worst output) for the others, which belong to the candidate alone.
    `agreement`: share of samples in which both put the same class first. `outputs`: fidelity per output. `inputs`,
    `calibration_inputs`: statistics of the inputs, here and when the model was calibrated. `flips`: where both decide
    otherwise. `layers`: layer by layer. `profile`: the time of every step of the candidate. `preprocessing`: of images.
    `command`: what was typed. `float_nodes`: what the candidate computes in float.
    """

    metric: str
    samples: int
    candidate: ModelFacts
    reference: ModelFacts | None
    int8: float
    fp32: float | None = None
    agreement: float | None = None
    outputs: tuple[OutputFidelity, ...] = ()
    data: str = ""
    is_random: bool = False
    inputs: tuple[InputFacts, ...] = ()
    calibration_inputs: tuple[InputFacts, ...] = ()
    flips: Flips | None = field(default=None, repr=False)
    layers: LayerReport | None = field(default=None, repr=False)
    profile: Profile | None = field(default=None, repr=False)
    preprocessing: str = ""
    command: str = ""
    conversion: Conversion | None = field(default=None, repr=False)
    float_nodes: tuple[FloatNode, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def drop(self) -> float | None:
        """What the candidate lost, as a share (0.01 is one point); None without labels or without reference."""
        return None if self.fp32 is None or self.metric not in CLASSIFICATION else self.fp32 - self.int8

    @property
    def drop_points(self) -> float | None:
        """`drop` in points: 100 times the share."""
        return None if self.drop is None else 100 * self.drop

    @property
    def drop_error(self) -> float | None:
        """The standard error of a drop in top-1, as a share: what chance alone moves it by with so few samples."""
        return None if self.drop is None or self.metric != "top1" or self.flips is None else self.flips.drop_error

    @property
    def worst(self) -> OutputFidelity | None:
        """The output with the lowest SQNR."""
        return min(self.outputs, key=lambda output: output.sqnr, default=None)

    @property
    def sqnr(self) -> float | None:
        """SQNR in dB of the worst output; None without reference, infinite for equal outputs."""
        return None if self.worst is None else self.worst.sqnr

    def exceeds(self, max_drop: float) -> bool:
        """True when the drop is larger than `max_drop` (a share), beyond rounding."""
        return (inf if self.drop is None else self.drop) > max_drop + 1e-12

    def to_text(self) -> str:
        """For a terminal."""
        from edgeconv.report import render

        return render.text(self)

    def to_markdown(self) -> str:
        """For a merge request or a wiki; names from the model are escaped."""
        from edgeconv.report import render

        return render.markdown(self)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """One page for people who look rather than read; written to `path`, too, where there is one."""
        from edgeconv.report import render

        text = render.html(self)
        if path is not None:
            with replacing(path) as file:
                file.write(text.encode("utf-8"))
        return text

    def to_json(self) -> str:
        """For programs; see `edgeconv.report.as_json` for the schema."""
        from edgeconv.report import render

        return render.json(self)
