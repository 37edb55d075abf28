"""ONNX Runtime's quantized operators for ONNX's reference evaluator, which does not know them.

Each dequantizes in float32, computes in float32 as ONNX's own reference does, and quantizes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnx.reference.ops import op_conv as ops
from onnx.reference.ops.op_average_pool import AveragePool_19
from onnx.reference.ops.op_sigmoid import sigmoid

from edgeconv.core import Array

__all__ = ["EXACT", "reference"]


def _real(x: Array, scale: Array, zero_point: Array | None) -> Array:
    zero = np.float32(0) if zero_point is None else zero_point.astype(np.float32)
    return np.asarray((x.astype(np.float32) - zero) * scale)


def _integers(y: Array, scale: Array, zero_point: Array | None, like: Array) -> Array:
    dtype = like.dtype if zero_point is None else zero_point.dtype
    steps = np.rint(y / scale).astype(np.int32) + (0 if zero_point is None else zero_point.astype(np.int32))
    limits = np.iinfo(dtype)
    return np.clip(steps, limits.min, limits.max).astype(dtype)


class _Microsoft(OpRun):
    op_domain = "com.microsoft"


class QLinearAdd(_Microsoft):
    """a + b."""

    def _run(self, a, a_s, a_z, b, b_s, b_z, y_s, y_z=None):  # type: ignore[no-untyped-def]
        return (_integers(_real(a, a_s, a_z) + _real(b, b_s, b_z), y_s, y_z, a),)


class QLinearMul(_Microsoft):
    """a * b."""

    def _run(self, a, a_s, a_z, b, b_s, b_z, y_s, y_z=None):  # type: ignore[no-untyped-def]
        return (_integers(_real(a, a_s, a_z) * _real(b, b_s, b_z), y_s, y_z, a),)


class QLinearSigmoid(_Microsoft):
    """1 / (1 + exp(-x))."""

    def _run(self, x, x_s, x_z, y_s, y_z=None):  # type: ignore[no-untyped-def]
        return (_integers(sigmoid(_real(x, x_s, x_z)).astype(np.float32), y_s, y_z, x),)


class QLinearLeakyRelu(_Microsoft):
    """x, or alpha * x below 0."""

    def _run(self, x, x_s, x_z, y_s, y_z=None, alpha=0.01):  # type: ignore[no-untyped-def]
        real = _real(x, x_s, x_z)
        return (_integers(np.where(real < 0, np.float32(alpha) * real, real), y_s, y_z, x),)


class QLinearSoftmax(_Microsoft):
    """Softmax along an axis (opset 13) or over all from it on."""

    def _run(self, x, x_s, x_z, y_s, y_z=None, axis=-1, opset=13):  # type: ignore[no-untyped-def]
        real = _real(x, x_s, x_z)
        axes = axis % real.ndim if opset >= 13 else tuple(range(axis % real.ndim, real.ndim))
        powers = np.exp(real - real.max(axis=axes, keepdims=True))
        return (_integers(powers / powers.sum(axis=axes, keepdims=True), y_s, y_z, x),)


class QLinearGlobalAveragePool(_Microsoft):
    """The mean over the spatial axes."""

    def _run(self, x, x_s, x_z, y_s, y_z=None, channels_last=0):  # type: ignore[no-untyped-def]
        real = _real(x, x_s, x_z)
        axes = tuple(range(1, real.ndim - 1)) if channels_last else tuple(range(2, real.ndim))
        return (_integers(np.mean(real, axis=axes, keepdims=True), y_s, y_z, x),)


class QLinearReduceMean(_Microsoft):
    """The mean over some axes."""

    def _run(self, x, x_s, x_z, y_s, y_z=None, axes=None, keepdims=1):  # type: ignore[no-untyped-def]
        mean = np.mean(_real(x, x_s, x_z), axis=None if axes is None else tuple(axes), keepdims=bool(keepdims))
        return (_integers(mean, y_s, y_z, x),)


class QLinearAveragePool(_Microsoft):
    """The mean of every window."""

    def _run(self, x, x_s, x_z, y_s, y_z=None, channels_last=0, **attributes):  # type: ignore[no-untyped-def]
        if channels_last:
            raise NotImplementedError("channels last")
        (mean,) = AveragePool_19._run(self, _real(x, x_s, x_z), **attributes)
        return (_integers(mean, y_s, y_z, x),)


class QLinearConcat(_Microsoft):
    """Tensors one after another."""

    def _run(self, y_s, y_z, *parts, axis=None):  # type: ignore[no-untyped-def]
        real = [_real(*parts[at : at + 3]) for at in range(0, len(parts), 3)]
        return (_integers(np.concatenate(real, axis), y_s, y_z, parts[0]),)


class QGemm(_Microsoft):
    """alpha * a b + c, c int32 at a_scale * b_scale: exact sums, one rounding."""

    def _run(self, a, a_s, a_z, b, b_s, b_z, c=None, y_s=None, y_z=None, alpha=1.0, transA=0, transB=0):  # type: ignore[no-untyped-def] # noqa: N803
        left = a.astype(np.int64) - a_z.astype(np.int64)
        right = b.astype(np.int64) - b_z.astype(np.int64).reshape((-1, 1) if transB and b_z.ndim else b_z.shape)
        sums = (left.T if transA else left) @ (right.T if transB else right)
        if c is not None:
            sums = sums + c
        real = sums * (np.float64(alpha) * a_s.astype(np.float64) * b_s.astype(np.float64))
        if y_s is None:
            return (real.astype(np.float32),)
        return (_integers(real, y_s.astype(np.float64), y_z, a),)


class QuantizeLinear(_Microsoft):
    """ONNX's own, in the domain that ONNX Runtime uses for 16 bits in old opsets."""

    def _run(self, x, scale, zero_point=None, axis=1, **_):  # type: ignore[no-untyped-def]
        return (_integers(x, _along(scale, x, axis), _along(zero_point, x, axis), np.zeros(0, np.uint8)),)


class DequantizeLinear(_Microsoft):
    """The same, back."""

    def _run(self, x, scale, zero_point=None, axis=1, **_):  # type: ignore[no-untyped-def]
        return (_real(x, _along(scale, x, axis), _along(zero_point, x, axis)),)


def _along(parameter: Array | None, x: Array, axis: int) -> Array | None:
    if parameter is None or parameter.ndim == 0 or parameter.size == 1:
        return parameter if parameter is None else parameter.reshape(())
    return parameter.reshape([-1 if place == axis % x.ndim else 1 for place in range(x.ndim)])


class QuantizeLinear10(QuantizeLinear):
    """The evaluator knows ONNX's own from opset 19 on only."""

    op_domain = ""


class DequantizeLinear10(DequantizeLinear):
    """The same, back."""

    op_domain = ""


QuantizeLinear10.__name__, DequantizeLinear10.__name__ = "QuantizeLinear", "DequantizeLinear"


class Conv(ops.Conv):  # type: ignore[misc]
    """In float64."""

    op_domain = ""

    def _run(self, x, w, b=None, **attributes):  # type: ignore[no-untyped-def]
        wide = [None if each is None else each.astype(np.float64) for each in (x, w, b)]
        return (super()._run(*wide, **attributes)[0].astype(np.float32),)


class MatMul(OpRun):
    """In float64."""

    op_domain = ""

    def _run(self, a, b):  # type: ignore[no-untyped-def]
        return (np.matmul(a.astype(np.float64), b.astype(np.float64)).astype(np.result_type(a, b)),)


class Gemm(OpRun):
    """In float64."""

    op_domain = ""

    def _run(self, a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0):  # type: ignore[no-untyped-def] # noqa: N803
        left, right = (a.T if transA else a).astype(np.float64), (b.T if transB else b).astype(np.float64)
        y = alpha * (left @ right)
        return ((y if c is None else y + beta * c.astype(np.float64)).astype(np.float32),)


class GlobalAveragePool(OpRun):
    """In float64."""

    op_domain = ""

    def _run(self, x):  # type: ignore[no-untyped-def]
        return (x.astype(np.float64).mean(axis=tuple(range(2, x.ndim)), keepdims=True).astype(np.float32),)


class ReduceMean(OpRun):
    """In float64."""

    op_domain = ""

    def _run(self, x, axes=None, keepdims=1, noop_with_empty_axes=0):  # type: ignore[no-untyped-def]
        axes = None if axes is None else tuple(int(axis) for axis in axes)
        return (np.asarray(x.astype(np.float64).mean(axis=axes, keepdims=bool(keepdims)).astype(np.float32)),)


EXACT: Sequence[type[OpRun]] = (Conv, MatMul, Gemm, GlobalAveragePool, ReduceMean)
"""In place of the evaluator's own: what is left of a difference is due to the order in which it sums float32."""

_OPERATORS: Sequence[type[OpRun]] = (
    QLinearAdd,
    QLinearMul,
    QLinearSigmoid,
    QLinearLeakyRelu,
    QLinearSoftmax,
    QLinearGlobalAveragePool,
    QLinearReduceMean,
    QLinearAveragePool,
    QLinearConcat,
    QGemm,
    QuantizeLinear,
    DequantizeLinear,
)


def reference(model: onnx.ModelProto, more: Sequence[type[OpRun]] = ()) -> ReferenceEvaluator:
    """ONNX's evaluator of the model; `more`: operators in place of its own."""
    opset = max(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    old = (QuantizeLinear10, DequantizeLinear10) if opset < 19 else ()
    return ReferenceEvaluator(model, new_ops=[*_OPERATORS, *old, *more])
