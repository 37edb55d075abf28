"""Floor 3: the accuracy that a conversion has to keep, measured on samples of its own."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace

from edgeconv.data import DataSource
from edgeconv.data.split import split
from edgeconv.errors import UsageError
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.quantize.pipeline import Quantized
from edgeconv.report.accuracy import CLASSIFICATION
from edgeconv.report.compare import choose_metric, compare
from edgeconv.report.record import HeldOut, RefinementRecord
from edgeconv.runtime import Interpreter

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """At most `limit` less of `metric` than `reference` has, or with the metric "sqnr" at least `limit` dB.

    `source`: what is measured on; `held_out`: samples that no choice depends on, or None. `executor`: runs batches.
    """

    reference: Interpreter
    source: DataSource
    metric: str
    limit: float
    wanted: float = 0.0
    held_out: DataSource | None = None
    executor: Executor | None = None

    @staticmethod
    def of(
        graph: Graph,
        source: DataSource | None,
        metric: str | None,
        max_drop: float | None,
        min_sqnr: float | None,
        hold_out: float | None = None,
        executor: Executor | None = None,
    ) -> Target | None:
        """The target that the options name, if any; UsageError where they do not fit each other or the samples."""
        if max_drop is None and min_sqnr is None:
            return None
        if source is None:
            raise UsageError("an accuracy to keep needs samples to measure on: pass evaluation=DATA")
        if max_drop is not None and min_sqnr is not None:
            raise UsageError("an accuracy to keep is either a largest drop or a least SQNR: pass one of the two")
        reference = Interpreter(to_program(graph))
        source, held = (source, None) if hold_out is None else split(source, hold_out)
        if min_sqnr is not None or max_drop is None:
            return Target(reference, source, "sqnr", min_sqnr or 0.0, held_out=held, executor=executor)
        chosen = choose_metric(metric, source, has_reference=True)
        if chosen not in CLASSIFICATION:
            raise UsageError(f"a largest drop is a share of top1 or top5, which need labels; {source.name} has none: "
                             "pass a least SQNR instead")  # fmt: skip
        wanted = compare(reference, None, source, chosen, executor=executor).int8
        return Target(reference, source, chosen, max_drop, wanted, held, executor)

    def measure(self, graph: Graph) -> tuple[float, bool]:
        """The drop or the SQNR of a quantized graph, and whether it is good enough."""
        candidate = Interpreter(to_program(graph))
        if self.metric == "sqnr":
            found = compare(candidate, self.reference, self.source, "sqnr", executor=self.executor).int8
            return found, found >= self.limit
        drop = self.wanted - compare(candidate, None, self.source, self.metric, executor=self.executor).int8
        return drop, drop <= self.limit + 1e-12

    def confirmed(self, made: Quantized) -> Quantized:
        """With the record of what the network does on the samples that nothing was chosen by, where there are some."""
        made = replace(made, record=replace(made.record, metric=self.metric))
        if self.held_out is None:
            return made
        found = compare(
            Interpreter(to_program(made.graph)), self.reference, self.held_out, self.metric, executor=self.executor
        )
        value = found.int8 if found.fp32 is None else found.fp32 - found.int8
        error = None if found.flips is None else found.flips.drop_error
        seen = HeldOut(found.samples, value, error if self.metric == "top1" else None)
        return replace(made, record=replace(made.record, held_out=seen))

    def failure(self, record: RefinementRecord) -> str:
        """Why the search ended without a network that is good enough."""
        is_loud = self.metric == "sqnr"
        best = max(record.attempts, key=lambda each: each.value if is_loud else -each.value)
        reached = f"{best.value:.1f} dB" if is_loud else f"a drop of {100 * best.value:.2f} points"
        wanted = f"{self.limit:g} dB" if is_loud else f"{100 * self.limit:.2f} points"
        ended = f" ({record.stopped})" if record.stopped else ""
        return (
            f"the best of {len(record.attempts)} attempts reached {reached} where {wanted} are asked for, with "
            f"{100 * best.int8_share:.0f} % of the multiply-accumulates in int8{ended}"
        )
