"""LayerReport: what every layer of a candidate loses against a reference, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeconv.report.accuracy import ModelFacts, OutputFidelity

__all__ = ["Histogram", "LayerFacts", "LayerReport", "Repair"]


@dataclass(frozen=True)
class Histogram:
    """How often values fell into bins of equal width from `low` to `high`."""

    low: float
    high: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class LayerFacts:
    """One layer of the candidate: an operator whose output the reference has, too, or a quantized input.

    `name` is the ONNX node's, `value` the ONNX value's that it computes. SQNRs in dB, infinite where nothing is lost:
    `local`: of this layer alone, run on the reference's inputs, quantized; `cumulative`: of its output as it runs, all
    earlier errors included; `alone`: of the network's worst output when only this layer is the candidate's, None where
    no output is a real number; `weights`: of its weights, None without.
    `harm`: its share, 0 to 1, of the noise that the layers one by one bring to that output.
    `saturated`: share of the reference's values that the quantized range cannot hold. `seen`: lowest and highest of
    them; `held`: what the quantized output can hold, None for a float one; `dtype`: in what. Where `rescaled`, channels
    are equalized, and both are in the candidate's units. `histogram`: of the reference's values, of the worst layers.
    """

    name: str
    operator: str
    value: str
    dtype: str
    local: float
    cumulative: float
    alone: float | None
    harm: float
    weights: float | None
    saturated: float
    seen: tuple[float, float]
    held: tuple[float, float] | None
    rescaled: bool = False
    histogram: Histogram | None = None


@dataclass(frozen=True)
class Repair:
    """What would undo most of the harm: ONNX names to exclude, and the whole command.

    `layers`: the layers' names. `sqnr_before`, `sqnr_after`: of the worst output in dB on the first `samples`, as it
    is and with those layers in float. `is_complete`: the command can be pasted as it is; otherwise it has words in
    capitals to replace.
    """

    layers: tuple[str, ...]
    exclude: tuple[str, ...]
    sqnr_before: float
    sqnr_after: float
    samples: int
    command: str
    is_complete: bool


@dataclass(frozen=True)
class LayerReport:
    """A candidate beside a reference, layer by layer, in the order of execution.

    `harm_samples`: samples on which harm was measured. `unmatched`: operators of the candidate whose output the
    reference does not have; their error counts with the next layer's.
    """

    reference: ModelFacts
    candidate: ModelFacts
    samples: int
    harm_samples: int
    layers: tuple[LayerFacts, ...]
    outputs: tuple[OutputFidelity, ...]
    unmatched: tuple[str, ...] = ()
    data: str = ""
    is_random: bool = False
    repair: Repair | None = None
    command: str = ""
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def ranked(self) -> tuple[LayerFacts, ...]:
        """The layers, the most harmful first; of equally harmful ones, the lowest local SQNR first."""
        return tuple(sorted(self.layers, key=lambda layer: (-layer.harm, layer.local)))

    @property
    def worst_output(self) -> OutputFidelity | None:
        """The output with the lowest SQNR."""
        return min(self.outputs, key=lambda output: output.sqnr, default=None)

    def to_text(self) -> str:
        """For a terminal."""
        from edgeconv.report import render

        return render.text(self)

    def to_markdown(self) -> str:
        """For a merge request or a wiki; names from the model are escaped."""
        from edgeconv.report import render

        return render.markdown(self)

    def to_json(self) -> str:
        """For programs; see `edgeconv.report.layer_content` for the schema."""
        from edgeconv.report import render

        return render.json(self)
