"""Identity: the input itself, under another name. Dropout at inference is one, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from edgeconv.core import Array, Kernel, TensorType
from edgeconv.errors import EdgeconvError
from edgeconv.ops.axes import constant_value
from edgeconv.ops.base import MOVE, Expr, Inputs, Operand, Operator, QuantRule, Ref, Scratch, ShapeError
from edgeconv.ops.expand import Expand
from edgeconv.ops.onnx_rules import Items, Result, Unsupported, onnx_rule
from edgeconv.ops.shape import Shape
from edgeconv.records import dataclass

__all__ = ["Given", "Identity"]


@dataclass(frozen=True)
class Identity(Operator):
    """y = x. Left in a graph only where an output is an input or a constant."""

    quant: ClassVar[QuantRule | None] = MOVE
    wide: ClassVar[bool] = True
    folds: ClassVar[bool] = False

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        return (x.with_shape(x.shape),)

    def run(self, x: Array) -> Array:
        return x

    def plan(self, inputs: Inputs[Operand], outputs: Sequence[Operand], scratch: Scratch) -> Kernel:
        x, y = inputs[0].array, outputs[0].array

        def kernel() -> None:
            np.copyto(y, x)

        return kernel


@dataclass(frozen=True)
class Given(Operator):
    """y = x, as long as a condition is what is `wanted`. Inputs: x, the condition, one truth value."""

    wanted: bool

    quant: ClassVar[QuantRule | None] = MOVE
    folds: ClassVar[bool] = False

    def infer(self, x: TensorType, condition: TensorType) -> tuple[TensorType, ...]:
        if condition.dtype != "bool" or (condition.is_static and condition.size != 1):
            raise ShapeError(f"needs one truth value as its condition, found {condition}")
        if condition.value is not None and condition.value.dtype != object:
            self._check(condition.value, ShapeError)
        return (x.with_shape(x.shape),)

    def _check(self, condition: Array, error: type[Exception] = EdgeconvError) -> None:
        if bool(condition.reshape(-1)[0]) != self.wanted:
            raise error("these inputs lead an If to the branch whose result has another rank or type; where it is "
                        "their shape, fix it with --input-shape")  # fmt: skip

    def run(self, x: Array, condition: Array) -> Array:
        self._check(condition)
        return x


@onnx_rule("Identity")
def import_identity(x: Ref | Items) -> Result:
    """The input under another name."""
    return x


@onnx_rule("Dropout")
def import_dropout_attribute(x: Ref, *, ratio: float = 0.5, outputs: int = 1) -> Expr | tuple[Expr | None, ...]:
    """Dropout before opset 12, which has no training mode."""
    return import_dropout(x, outputs=outputs)


@onnx_rule("Dropout", since=12)
def import_dropout(
    x: Ref, ratio: Ref | None = None, training: Ref | None = None, *, seed: int = 0, outputs: int = 1
) -> Expr | tuple[Expr | None, ...]:
    """Dropout does nothing at inference, nor with a ratio of 0; its mask is true then."""
    is_training = training is not None and bool(constant_value(training, "training_mode").reshape(()))
    if is_training and (ratio is None or constant_value(ratio, "ratio").item() != 0):
        raise Unsupported("it is in training mode, and random; export the model with model.eval()")
    if outputs > 1:
        return x, Expand()(np.ones((), bool), Shape()(x))
    return x


@onnx_rule("Constant")
def import_constant(
    *,
    value: Array | None = None,
    sparse_value: Array | None = None,
    value_float: float | None = None,
    value_floats: Sequence[float] | None = None,
    value_int: int | None = None,
    value_ints: Sequence[int] | None = None,
    **strings: object,
) -> Expr:
    """A constant given by whichever attribute is there."""
    tensor = sparse_value if value is None else value
    if tensor is not None:
        return tensor
    if value_float is not None or value_floats is not None:
        return np.array(value_floats if value_float is None else value_float, np.float32)
    if value_int is not None or value_ints is not None:
        return np.array(value_ints if value_int is None else value_int, np.int64)
    raise Unsupported("it holds strings, which the device does not have")
