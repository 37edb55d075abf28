"""Import rules of the fused operators that ONNX Runtime's optimizer writes: taken apart into what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgeconv.ops.activations import LeakyRelu
from edgeconv.ops.add import Add, total
from edgeconv.ops.base import Expr, Ref, Typed
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.conv import import_conv
from edgeconv.ops.elementwise import Tanh
from edgeconv.ops.erf import Gelu
from edgeconv.ops.gemm import import_gemm
from edgeconv.ops.layer_norm import LayerNorm, RmsNorm
from edgeconv.ops.matmul import product
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule, refuse
from edgeconv.ops.sigmoid import HardSigmoid, Sigmoid

__all__: list[str] = []

_MICROSOFT = "com.microsoft"
_PLAIN = "optimize the model with ONNX Runtime's basic level, or convert the model it came from"


def _activated(x: Expr, activation: str, parameters: Sequence[float]) -> Expr:
    """The activation that ONNX Runtime fused, by its name and parameters."""
    if activation in ("", "Relu", "Tanh", "Sigmoid"):
        found = {"Relu": Clamp(low=0.0), "Tanh": Tanh(), "Sigmoid": Sigmoid()}.get(activation)
        return x if found is None else found(x)
    if activation == "LeakyRelu":
        return LeakyRelu(*parameters)(x)
    if activation == "Clip":
        return Clamp(*parameters)(x)
    if activation == "HardSigmoid":
        return HardSigmoid(*parameters)(x)
    raise Unsupported(f"its activation is {activation!r}; {_PLAIN}")


@onnx_rule("BiasGelu", domain=_MICROSOFT)
def import_bias_gelu(x: Ref, bias: Ref) -> Expr:
    """Gelu of x + bias."""
    return Gelu()(Add()(x, bias))


@onnx_rule("FusedConv", domain=_MICROSOFT)
def import_fused_conv(
    x: Ref,
    w: Ref,
    b: Ref | None = None,
    z: Ref | None = None,
    *,
    activation: str = "",
    activation_params: Sequence[float] = (),
    **attributes: Any,
) -> Expr:
    """A convolution, plus a residual z, then an activation."""
    y = import_conv(
        x,
        w,
        b,
        **attributes,
    )
    return _activated(y if z is None else Add()(y, z), activation, activation_params)


@onnx_rule("FusedGemm", domain=_MICROSOFT)
def import_fused_gemm(
    a: Ref,
    b: Ref,
    c: Ref | None = None,
    *,
    activation: str = "",
    activation_alpha: float = 0.01,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803 (ONNX's name)
    transB: int = 0,  # noqa: N803 (ONNX's name)
) -> Expr:
    """Gemm, then an activation."""
    y = import_gemm(a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)
    return _activated(y, activation, (activation_alpha,) if activation == "LeakyRelu" else ())


@onnx_rule("SimplifiedLayerNormalization")
@onnx_rule("SimplifiedLayerNormalization", domain=_MICROSOFT)
def import_simplified_layer_norm(
    x: Ref, scale: Ref, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1, outputs: int = 1
) -> Expr:
    """RMSNormalization under the name that ONNX Runtime gave it first."""
    _check_outputs(outputs)
    return RmsNorm(axis % x.type.rank, epsilon)(x, scale)


@onnx_rule("SkipLayerNormalization", domain=_MICROSOFT)
def import_skip_layer_norm(
    x: Ref,
    skip: Ref,
    gamma: Ref,
    beta: Ref | None = None,
    bias: Ref | None = None,
    *,
    epsilon: float = 1e-12,
    outputs: int = 1,
) -> tuple[Expr | None, ...]:
    """LayerNorm of x + skip + bias; the fourth output is that sum."""
    summed = _summed(x, skip, bias)
    return _with_sum(LayerNorm(x.type.rank - 1, epsilon)(summed, gamma, beta), summed, outputs)


@onnx_rule("SkipSimplifiedLayerNormalization", domain=_MICROSOFT)
def import_skip_simplified_layer_norm(
    x: Ref, skip: Ref, gamma: Ref, bias: Ref | None = None, *, epsilon: float = 1e-12, outputs: int = 1
) -> tuple[Expr | None, ...]:
    """RmsNorm of x + skip + bias; the fourth output is that sum."""
    summed = _summed(x, skip, bias)
    return _with_sum(RmsNorm(x.type.rank - 1, epsilon)(summed, gamma), summed, outputs)


def _summed(x: Ref, skip: Ref, bias: Ref | None) -> Typed:
    return Add()(total(x, skip), bias) if bias is not None else Add()(x, skip)


def _with_sum(y: Expr, summed: Expr, outputs: int) -> tuple[Expr | None, ...]:
    """The outputs of a normalization with a skip connection; mean and deviation, which only training reads, are not."""
    return (y, None, None, summed)[: max(outputs, 1)]


def _check_outputs(outputs: int) -> None:
    if outputs > 1:
        raise Unsupported(f"its statistics are outputs, too, which only training reads; {_PLAIN}")


@onnx_rule("MatMulNBits", domain=_MICROSOFT)
def import_matmul_nbits(
    a: Ref,
    b: Ref,
    scales: Ref,
    zero_points: Ref | None = None,
    g_idx: Ref | None = None,
    bias: Ref | None = None,
    *,
    K: int,  # noqa: N803 (ONNX Runtime's name)
    N: int,  # noqa: N803 (ONNX Runtime's name)
    block_size: int,
    bits: int = 4,
    accuracy_level: int = 0,
    weight_prepacked: int = 0,
) -> Expr:
    """a times a weight of 4 or 8 bits in blocks along K, which becomes float; `--precision w8` stores it in int8."""
    known = [ref.value for ref in (b, scales, zero_points) if ref is not None]
    if bits not in (4, 8) or g_idx is not None or weight_prepacked or any(value is None for value in known):
        raise Unsupported(f"{bits} bits, a g_idx, or weights known at run time only; export it with plain 4-bit blocks")
    packed, factors = known[0], known[1]
    assert packed is not None and factors is not None
    steps = _unpacked(packed.reshape(N, -1), bits).astype(np.float32)
    blocks = -(-K // block_size)
    factors = np.repeat(factors.reshape(N, blocks), block_size, axis=1)[:, :K]
    zeros = np.full((N, blocks), 2.0 ** (bits - 1), np.float32)
    if zero_points is not None and zero_points.value is not None:
        stored = zero_points.value.reshape(N, -1)
        zeros = (_unpacked(stored, bits) if stored.dtype == np.uint8 else stored)[:, :blocks].astype(np.float32)
    real = (steps[:, :K] - np.repeat(zeros, block_size, axis=1)[:, :K]) * factors
    y = product(a, np.ascontiguousarray(real.T, np.float32))
    return y if bias is None else Add()(y, bias)


def _unpacked(values: np.ndarray, bits: int) -> np.ndarray:
    """uint8 (N, bytes) as (N, values), the low half of a byte first."""
    if bits == 8:
        return values
    return np.stack([values & 15, values >> 4], axis=-1).reshape(len(values), -1)


refuse(
    "Conv",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "MaxPool",
    "ReorderInput",
    "ReorderOutput",
    "Upsample",
    domain="com.microsoft.nchwc",
    reason="its layout is made for one processor; save the model at ONNX Runtime's extended level or below",
)
refuse(
    "ConvTransposeWithDynamicPads",
    domain=_MICROSOFT,
    reason=f"edgeconv does not take it apart; {_PLAIN}",
)
