"""One layer under refinement: candidates for its integers, and how well each reproduces the float layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeconv.core import Array
from edgeconv.quantize.ranges import bias_limit_scales
from edgeconv.quantize.refine.bias import corrected_bias
from edgeconv.quantize.refine.columns import Moments
from edgeconv.quantize.refine.gptq import inverse_factor, round_with_compensation
from edgeconv.quantize.refine.least_squares import RIDGES, fit_weights
from edgeconv.quantize.refine.parts import joined, weight_in_parts

__all__ = ["Candidate", "LayerData", "candidates", "error_of", "output_of"]


@dataclass(frozen=True)
class LayerData:
    """Weight (groups, outputs, K), bias (groups, outputs), input scale, clamp, and the moments of the input."""

    weight: Array
    bias: Array
    scale_x: float
    low: float
    high: float
    moments: Moments


@dataclass(frozen=True)
class Candidate:
    """Integers for a layer: weights (groups, outputs, K), scales (groups, outputs), bias (groups, outputs) in steps."""

    name: str
    weight: Array
    scales: Array
    bias: Array

    def real(self, scale_x: float) -> tuple[Array, Array]:
        """(weight, bias) in real units."""
        return self.weight * self.scales[:, :, None], self.bias * (self.scales * scale_x)


def candidates(layer: LayerData, plain: Candidate, refinements: tuple[str, ...]) -> list[Candidate]:
    """`plain` and what the named refinements make of it, simplest first."""
    found = [plain]
    found += [_with_bias(name, layer, plain.weight, plain.scales) for name in ("means", "bias") if name in refinements]
    if "gptq" in refinements:
        factor = inverse_factor(layer.moments.hessian)
        weight = weight_in_parts(layer.weight)
        found.append(_rounded("gptq", layer, weight, factor))
        if "fit" in refinements:
            for name, ridge in RIDGES.items():
                fitted = fit_weights(weight, layer.moments.difference, layer.moments.hessian, ridge)
                found.append(_rounded(name, layer, fitted, factor))
    return found


def _rounded(name: str, layer: LayerData, weight: Array, factor: Array) -> Candidate:
    """`weight` and `factor` are those of the layer's parts."""
    largest = np.abs(joined(weight, layer.weight.shape)).max(axis=2, initial=0.0)
    limit = bias_limit_scales(layer.bias, layer.scale_x)
    scales = np.maximum(np.maximum(largest / 127, limit), 1e-30).astype(np.float32).astype(np.float64)
    rounded = round_with_compensation(weight, scales.repeat(len(weight) // len(scales), axis=0), factor)
    return _with_bias(name, layer, joined(rounded, layer.weight.shape), scales)


def _with_bias(name: str, layer: LayerData, weight: Array, scales: Array) -> Candidate:
    """The bias that makes the mean output right: b + W E[x] - Wq E[xq]."""
    real = weight * scales[:, :, None]
    wanted = np.einsum("gok,gk->go", layer.weight.astype(np.float64), layer.moments.mean)
    given = np.einsum("gok,gk->go", real, layer.moments.mean_quantized)
    return Candidate(name, weight, scales, corrected_bias(wanted, given, layer.bias, scales * layer.scale_x))


def output_of(layer: LayerData, weight: Array, bias: Array, columns: Array) -> Array:
    """The layer's clamped output (groups, outputs, L), float32, for columns (groups, K, L) of its input."""
    y: Array = np.matmul(weight.astype(np.float32), columns)
    y += bias[:, :, None].astype(np.float32)
    return np.clip(y, layer.low, layer.high, out=y)


def error_of(candidate: Candidate, layer: LayerData, wanted: Array, quantized: Array) -> float:
    """Mean squared error of a candidate on columns of quantized input, beside the float layer's output `wanted`."""
    error = output_of(layer, *candidate.real(layer.scale_x), quantized)
    error -= wanted
    return float(np.vdot(error, error) / error.size)
