"""Conversion: what converting did to a model, as plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass

from edgeconv.report.record import RefinementRecord

__all__ = ["OWN_PARAMETERS", "Conversion", "FloatNode", "PassEffect"]

OWN_PARAMETERS = "own"
"""The method of a model that came quantized: its own scales and zero points, no calibration."""


@dataclass(frozen=True)
class PassEffect:
    """What one pass did: nodes it changed, and by how many there are fewer since (negative: more)."""

    name: str
    changed: int
    removed: int


@dataclass(frozen=True)
class FloatNode:
    """A node that computes in float, and why. `name` is the ONNX node's."""

    name: str
    operator: str
    reason: str


@dataclass(frozen=True)
class Conversion:
    """Operators and bytes before and after, pass by pass; what stayed in float.

    `bytes_before`: the ONNX file with its external data, None where the source was no file.
    `method`, `calibration_samples`: how the ranges were chosen, None for fp32; OWN_PARAMETERS without samples where the
    model came quantized. `refinement`: what was tried, layer by layer, to lose less. `command`: what was typed.
    """

    precision: str
    operators_before: int
    operators_after: int
    passes: tuple[PassEffect, ...]
    float_nodes: tuple[FloatNode, ...]
    bytes_before: int | None
    bytes_after: int
    method: str | None = None
    calibration_samples: int | None = None
    calibration_is_random: bool = False
    warnings: tuple[str, ...] = ()
    refinement: RefinementRecord | None = None
    command: str = ""
