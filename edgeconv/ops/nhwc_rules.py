"""Import rules of ONNX Runtime operators with channels last, and those of diffusion networks: taken apart."""

from __future__ import annotations

from typing import Any

from edgeconv.ops.add import Add, total
from edgeconv.ops.base import Expr, Ref, Typed, expr_type
from edgeconv.ops.conv import import_conv
from edgeconv.ops.erf import Gelu
from edgeconv.ops.group_norm import GroupNorm
from edgeconv.ops.matmul import product
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.reshape import reshape_to
from edgeconv.ops.sigmoid import Silu
from edgeconv.ops.transpose import Transpose

__all__: list[str] = []

_MICROSOFT = "com.microsoft"


def _channels_first(x: Expr) -> Typed:
    rank = expr_type(x).rank
    return Transpose((0, rank - 1, *range(1, rank - 1)))(x)


def _channels_last(x: Expr) -> Expr:
    rank = expr_type(x).rank
    return Transpose((0, *range(2, rank), 1))(x)


@onnx_rule("NhwcConv", domain=_MICROSOFT)
def import_nhwc_conv(
    x: Ref,
    w: Ref,
    b: Ref | None = None,
    **attributes: Any,
) -> Expr:
    """A convolution whose maps and weights (outputs, height, width, inputs) have their channels last."""
    y = import_conv(
        _channels_first(x),
        _channels_first(w),
        b,
        **attributes,
    )
    return _channels_last(y)


@onnx_rule("GroupNorm", domain=_MICROSOFT)
def import_group_norm(
    x: Ref,
    gamma: Ref,
    beta: Ref,
    *,
    groups: int,
    activation: int = 0,
    channels_last: int = 1,
    epsilon: float = 1e-5,
) -> Expr:
    """GroupNormalization with the channels last, then perhaps x * sigmoid(x)."""
    return _group_norm(x, gamma, beta, groups, activation, bool(channels_last), epsilon)


@onnx_rule("SkipGroupNorm", domain=_MICROSOFT)
def import_skip_group_norm(
    x: Ref,
    gamma: Ref,
    beta: Ref,
    skip: Ref,
    bias: Ref | None = None,
    *,
    groups: int,
    activation: int = 0,
    channels_last: int = 1,
    epsilon: float = 1e-5,
    outputs: int = 1,
) -> tuple[Expr | None, ...]:
    """GroupNorm of x + skip + bias; the second output is that sum."""
    if not channels_last:
        raise Unsupported("its channels come first, which ONNX Runtime does not do; export it with them last")
    added: Expr = skip
    if skip.type.rank == 2:
        samples, channels = skip.type.shape
        added = reshape_to(skip, skip.type.shape, (samples, 1, 1, channels))
    summed = total(x, added) if bias is None else total(x, added, bias)
    return (_group_norm(summed, gamma, beta, groups, activation, True, epsilon), summed)[:outputs]


def _group_norm(x: Expr, gamma: Ref, beta: Ref, groups: int, activation: int, is_last: bool, epsilon: float) -> Expr:
    if activation not in (0, 1):
        raise Unsupported(f"its activation {activation} is neither 0 for none nor 1 for SiLU")
    y: Expr = GroupNorm(groups, epsilon)(_channels_first(x) if is_last else x, gamma, beta)
    y = Silu()(y) if activation else y
    return _channels_last(y) if is_last else y


@onnx_rule("GemmFastGelu", domain=_MICROSOFT)
def import_gemm_fast_gelu(x: Ref, w: Ref, bias: Ref | None = None) -> Expr:
    """Gelu by tanh of x w + bias."""
    y = product(x, w)
    return Gelu("tanh")(y if bias is None else Add()(y, bias))
