"""How far the weights of a layer are from the reference's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeconv.core import Array, dequantize
from edgeconv.report.layer_sums import decibels, energy
from edgeconv.report.sites import Site
from edgeconv.runtime.program import ABSENT, Program, Step

__all__ = ["weight_sqnr"]


def weight_sqnr(reference: Program, candidate: Program, site: Site, gains: Mapping[str, Array]) -> float | None:
    """SQNR in dB of the weights of the step that computes `site`; None without weights, or with others.

    `gains`: factors (1, channels, ...) of the values whose channels the candidate scales, by name; they are taken out.
    """
    step = candidate.steps[site.step]
    other = next((each for each in reference.steps if site.reference in each.outputs), None)
    if other is None or type(other.op) is not type(step.op):
        return None
    pairs = [
        (wanted, _unscaled(candidate, step, place, found, gains))
        for place in _weights(step)
        if (wanted := _constant(reference, other, place)) is not None
        and (found := _constant(candidate, step, place)) is not None
        and wanted.shape == found.shape
    ]
    if not pairs:
        return None
    return decibels(sum(energy(w) for w, _ in pairs), sum(energy(w - f) for w, f in pairs))


def _weights(step: Step) -> tuple[int, ...]:
    rule = step.op.quant
    if rule is None:
        return ()
    return (rule.weight,) if rule.weight is not None else tuple(place for place, _ in rule.weight_only)


def _constant(program: Program, step: Step, place: int) -> Array | None:
    """A constant input as real numbers."""
    if place >= len(step.inputs) or step.inputs[place] == ABSENT:
        return None
    known = program.tensors[step.inputs[place]].type
    if known.value is None:
        return None
    return known.value.astype(np.float64) if known.q is None else dequantize(known.value, known.q).astype(np.float64)


def _unscaled(candidate: Program, step: Step, place: int, weight: Array, gains: Mapping[str, Array]) -> Array:
    """The weight as it would be without equalization: output channels divided, input channels multiplied."""
    names = candidate.tensors[step.outputs[0]].name, candidate.tensors[step.inputs[0]].name
    if step.op.quant is None or place != step.op.quant.weight or not any(name in gains for name in names):
        return weight
    matrix = step.op.matrix(weight)
    groups, outputs, taps = matrix.shape
    ones = np.ones(1)
    after, before = gains.get(names[0], ones).reshape(-1), gains.get(names[1], ones).reshape(-1)
    after = np.broadcast_to(after, (groups * outputs,)) if after.size == 1 else after
    scaled = matrix / after.reshape(groups, outputs, 1)
    if before.size > 1:
        scaled = scaled * np.repeat(before.reshape(groups, 1, -1), taps // (before.size // groups), axis=2)
    return step.op.from_matrix(scaled, weight)
