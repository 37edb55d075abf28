"""What several rules ask of the graph: constants, known ranges, products and straight lines of one variable."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import inf, isclose, isinf

from edgeconv.core import Array, TensorType
from edgeconv.graph import Node
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Call, Operator, ShapeError
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.elementwise import Neg, Tanh
from edgeconv.ops.erf import Erf
from edgeconv.ops.integer import bounds
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.pad import Border
from edgeconv.ops.pow import Pow
from edgeconv.ops.sigmoid import HardSigmoid, Sigmoid
from edgeconv.ops.softmax import Softmax
from edgeconv.passes.rewrite import View

__all__ = [
    "Line",
    "Product",
    "can_clamp",
    "clamped",
    "is_clamped",
    "line",
    "near",
    "operands",
    "output_range",
    "product",
    "scalar",
    "valid",
]

_DEPTH = 32
"""Longest chain of operators that is followed."""

_RANGES: dict[type[Operator], tuple[float, float]] = {
    Sigmoid: (0, 1),
    HardSigmoid: (0, 1),
    Softmax: (0, 1),
    Tanh: (-1, 1),
    Erf: (-1, 1),
}


def scalar(view: View, name: str) -> float | None:
    """The value of a constant of one element."""
    value = view.constant(name)
    if value is None or value.size != 1 or value.dtype.kind not in "fiu":
        return None
    return float(value.reshape(()))


def near(value: float | None, target: float) -> bool:
    """True when two constants are the same but for float32 rounding."""
    return value is not None and isclose(value, target, rel_tol=2e-6, abs_tol=1e-12)


def can_clamp(op: Operator) -> bool:
    """True for an operator with bounds of its own, if only infinite ones."""
    return {"low", "high"} <= {field.name for field in fields(op)}


def clamped(op: Operator, low: float, high: float) -> Operator:
    """An operator that can clamp, with these bounds."""
    bounded: Operator = replace(op, low=low, high=high)  # type: ignore[call-arg]  # checked by can_clamp
    return bounded


def is_clamped(op: Operator) -> bool:
    """True when an operator bounds its own result."""
    return not all(isinf(bound) for bound in bounds(op))


def output_range(view: View, name: str) -> tuple[float, float]:
    """Bounds that the values of `name` are known to keep."""
    node = view.producer(name)
    if node is None:
        return -inf, inf
    if node.op.quant is not None and node.op.quant.shared and len(node.inputs) and not isinstance(node.op, Clamp):
        return (-inf, inf) if isinstance(node.op, Border) else output_range(view, node.inputs[0])
    return _RANGES.get(type(node.op), bounds(node.op))


def operands(node: Node, view: View) -> tuple[str, Array] | None:
    """(variable, constant) of a node of two inputs of which one is constant, its result as large as the variable."""
    if len(node.inputs) != 2:
        return None
    for variable, other in (node.inputs, node.inputs[::-1]):
        value = view.constant(other)
        if value is not None and value.dtype != object and view.constant(variable) is None:
            return (variable, value) if view.type_of(variable).shape == view.type_of(node.outputs[0]).shape else None
    return None


def valid(call: Call, expected: TensorType) -> bool:
    """True when `call` is a legal node that yields the type expected."""
    try:
        found = call.type
    except ShapeError:
        return False
    return (found.dtype, found.shape) == (expected.dtype, expected.shape)


@dataclass(frozen=True)
class Product:
    """coefficient * the product of all factors, which have one shape; `scalars` counts the constants in it."""

    factors: tuple[str, ...]
    coefficient: float = 1.0

    def __mul__(self, other: Product) -> Product:
        return Product(self.factors + other.factors, self.coefficient * other.coefficient)


def product(node: Node, view: View) -> Product:
    """The result of `node` as a product, seen through every Mul, Div, Neg and whole Pow that nothing else reads."""
    return _product(node, view, _DEPTH) or Product((node.outputs[0],))


def _product(node: Node, view: View, depth: int) -> Product | None:
    op = node.op
    if is_clamped(op) or not view.type_of(node.outputs[0]).is_float or depth == 0:
        return None
    if isinstance(op, Neg):
        return _factor(node, node.inputs[0], view, depth) * Product((), -1.0)
    if isinstance(op, Mul):
        return _factor(node, node.inputs[0], view, depth) * _factor(node, node.inputs[1], view, depth)
    number = scalar(view, node.inputs[1]) if isinstance(op, (Div, Pow)) else None
    if isinstance(op, Div) and number:
        return _factor(node, node.inputs[0], view, depth) * Product((), 1 / number)
    if isinstance(op, Pow) and number in (2, 3):
        base = _factor(node, node.inputs[0], view, depth)
        return Product(base.factors * int(number), base.coefficient ** int(number))
    return None


def _factor(node: Node, name: str, view: View, depth: int) -> Product:
    number = scalar(view, name)
    if number is not None and view.type_of(name).rank <= view.type_of(node.outputs[0]).rank:
        return Product((), number)
    source = view.producer(name)
    inner = _product(source, view, depth - 1) if source is not None and view.only_use(name) else None
    same = view.type_of(name).shape == view.type_of(node.outputs[0]).shape
    return inner if inner is not None and same else Product((name,))


@dataclass(frozen=True)
class Line:
    """slope * variable + offset, scalars both."""

    variable: str
    slope: float = 1.0
    offset: float = 0.0


def line(name: str, view: View, until: str = "") -> Line:
    """`name` as a straight line of the farthest value that only it depends on, or of `until` where that comes first."""
    found = Line(name)
    for _ in range(_DEPTH):
        node = view.producer(found.variable)
        if found.variable == until or node is None or not view.only_use(found.variable):
            break
        step = _step(node, view)
        if step is None:
            break
        found = Line(step.variable, found.slope * step.slope, found.slope * step.offset + found.offset)
    return found


def _step(node: Node, view: View) -> Line | None:
    if is_clamped(node.op):
        return None
    if isinstance(node.op, Neg):
        return Line(node.inputs[0], -1.0)
    pair = operands(node, view)
    if pair is None or pair[1].size != 1 or pair[1].dtype.kind != "f":
        return None
    return _line_of(node.op, pair[0], float(pair[1].reshape(())), node.inputs[0] == pair[0])


def _line_of(op: Operator, x: str, number: float, is_first: bool) -> Line | None:
    """`op` of x and a number; `is_first`: x comes first."""
    if isinstance(op, Mul):
        return Line(x, number)
    if isinstance(op, Div):
        return Line(x, 1 / number) if is_first and number else None
    if isinstance(op, Add):
        return Line(x, 1.0, number)
    if isinstance(op, Sub):
        return Line(x, 1.0, -number) if is_first else Line(x, -1.0, number)
    return None
