"""Activation functions that exporters write as several operators. Products are read in any order.

1. 0.5 * x * (1 + erf(x / sqrt(2)))                                   -> Gelu(x)
2. 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))          -> Gelu(x), approximated by tanh
   0.5 * x * (1 + tanh(sqrt(2 / pi) * x * (1 + 0.044715 * x^2)))      -> the same
3. x * clip(x + 3, 0, 6) / 6                                          -> HardSwish(x)
   x * HardSigmoid(x), slope 1 / 6 and offset 1 / 2                   -> HardSwish(x)
4. x * sigmoid(x), x * sigmoid(alpha * x)                             -> Silu(x)
5. x * tanh(softplus(x)), softplus also as log(1 + exp(x))            -> Mish(x)
6. clip(slope * x + offset, 0, 1), clip(..., 0, b) / b                -> HardSigmoid(x)
"""

from __future__ import annotations

from math import inf, pi, sqrt

import numpy as np

from edgeconv.graph import Graph, Node
from edgeconv.ops.activations import Mish, Softplus
from edgeconv.ops.add import Add
from edgeconv.ops.base import Call, Expr, Operator
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.elementwise import Exp, Log, Tanh
from edgeconv.ops.erf import Erf, Gelu
from edgeconv.ops.integer import bounds
from edgeconv.ops.mul import Div, Mul
from edgeconv.ops.sigmoid import HardSigmoid, HardSwish, Sigmoid, Silu
from edgeconv.passes.linear import linear
from edgeconv.passes.match import Line, Product, is_clamped, line, near, product, scalar
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["fuse_activation", "fuse_hard_sigmoid"]


def fuse_activation(graph: Graph) -> int:
    """Cases 1 to 5: a product of x and a gate that depends on x."""
    return rewrite(graph, _rule)


def fuse_hard_sigmoid(graph: Graph) -> int:
    """Case 6, where no linear operator before it can take the slope and the offset."""
    return rewrite(graph, _hard_sigmoid)


def _rule(node: Node, view: View) -> Expr | None:
    if not isinstance(node.op, (Mul, Div)):
        return None
    found = product(node, view)
    if len(found.factors) != 2:
        return None
    for x, gate in (found.factors, found.factors[::-1]):
        source = view.producer(gate)
        fused = None if source is None else _gated(x, source, found.coefficient, view)
        if fused is not None and view.type_of(x) == view.type_of(node.outputs[0]):
            if not view.only_use(gate):
                view.decline(node, "its gate is used elsewhere, too")
                return None
            return fused
    return None


def _gated(x: str, gate: Node, coefficient: float, view: View) -> Call | None:
    """The activation that is coefficient * x * gate."""
    ref = view.ref(x)
    if isinstance(gate.op, Add) and not is_clamped(gate.op):
        approximate = _gelu(x, gate, view) if near(coefficient, 0.5) else None
        return Gelu(approximate)(ref) if approximate else None
    if isinstance(gate.op, Sigmoid) and near(coefficient, 1):
        inner = line(gate.inputs[0], view, x)
        return Silu(_tidy(inner.slope))(ref) if inner.variable == x and inner.offset == 0 else None
    if isinstance(gate.op, Tanh) and near(coefficient, 1):
        return Mish()(ref) if _is_softplus(view.producer(gate.inputs[0]), x, view) else None
    return HardSwish()(ref) if _is_hard_gate(gate, x, coefficient, view) else None


def _tidy(slope: float) -> float:
    return 1.0 if near(slope, 1) else slope


def _plus_scalar(node: Node | None, view: View, number: float) -> str | None:
    """What `number` is added to, if `node` does that."""
    if node is None or not isinstance(node.op, Add) or bounds(node.op) != (-inf, inf):
        return None
    for variable, constant in (node.inputs, node.inputs[::-1]):
        if near(scalar(view, constant), number):
            return variable
    return None


def _gelu(x: str, gate: Node, view: View) -> str | None:
    """ "none" or "tanh" if gate is 1 + erf(...) or 1 + tanh(...) as in cases 1 and 2."""
    inner = view.producer(_plus_scalar(gate, view, 1) or "")
    if inner is None:
        return None
    if isinstance(inner.op, Erf):
        found = line(inner.inputs[0], view, x)
        return "none" if found.variable == x and found.offset == 0 and near(found.slope, sqrt(0.5)) else None
    return "tanh" if isinstance(inner.op, Tanh) and _is_cubic(inner.inputs[0], x, view) else None


def _is_cubic(name: str, x: str, view: View) -> bool:
    """True for sqrt(2 / pi) * (x + 0.044715 * x^3), factored out or not."""
    node = view.producer(name)
    whole = Product((name,)) if node is None else product(node, view)
    if not near(whole.coefficient, sqrt(2 / pi)):
        return False
    rest = [factor for factor in whole.factors if factor != x]
    if len(rest) != 1 or len(whole.factors) > 2:
        return False
    polynomial = view.producer(rest[0])
    if len(whole.factors) == 2:
        return _is_power(_plus_scalar(polynomial, view, 1), x, 2, view)
    if polynomial is None or not isinstance(polynomial.op, Add):
        return False
    a, b = polynomial.inputs
    return (a == x and _is_power(b, x, 3, view)) or (b == x and _is_power(a, x, 3, view))


def _is_power(name: str | None, x: str, exponent: int, view: View) -> bool:
    """True for 0.044715 * x^exponent."""
    node = view.producer(name or "")
    found = Product(()) if node is None else product(node, view)
    return found.factors == (x,) * exponent and near(found.coefficient, 0.044715)


def _is_softplus(node: Node | None, x: str, view: View) -> bool:
    if node is not None and isinstance(node.op, Log):
        inside = view.producer(_plus_scalar(view.producer(node.inputs[0]), view, 1) or "", Exp)
        return inside is not None and inside.inputs[0] == x
    return node is not None and isinstance(node.op, Softplus) and node.inputs[0] == x


def _is_hard_gate(gate: Node, x: str, coefficient: float, view: View) -> bool:
    """True when coefficient * gate is clip(x / 6 + 1 / 2, 0, 1)."""
    found = _clamped_line(gate, view, x)
    if found is None:
        return False
    inner, high = found
    return (
        inner.variable == x
        and near(coefficient * inner.slope, 1 / 6)
        and near(coefficient * inner.offset, 0.5)
        and near(coefficient * high, 1)
    )


def _clamped_line(node: Node, view: View, until: str = "") -> tuple[Line, float] | None:
    """(line, high) if `node` is a straight line clamped to [0, high]."""
    op: Operator = node.op
    if isinstance(op, HardSigmoid):
        return Line(node.inputs[0], op.alpha, op.beta), 1.0
    low, high = bounds(op)
    if low != 0 or high == inf:
        return None
    if isinstance(op, Clamp):
        return line(node.inputs[0], view, until), high
    if isinstance(op, Add):
        for variable, constant in (node.inputs, node.inputs[::-1]):
            number = scalar(view, constant)
            if number is not None and view.type_of(variable).shape == view.type_of(node.outputs[0]).shape:
                return Line(variable, 1.0, number), high
    return None


def _hard_sigmoid(node: Node, view: View) -> Expr | None:
    factor, source = 1.0, node
    if isinstance(node.op, (Mul, Div)) and bounds(node.op) == (-inf, inf):
        found = product(node, view)
        gate = view.producer(found.factors[0]) if len(found.factors) == 1 else None
        if gate is None or not view.only_use(found.factors[0]):
            return None
        factor, source = found.coefficient, gate
    if isinstance(source.op, HardSigmoid):
        return None
    clamped = _clamped_line(source, view)
    if clamped is None or not near(factor * clamped[1], 1):
        return None
    inner = clamped[0]
    is_trivial = source is node and inner.slope == 1 and inner.offset == 0
    is_linear = linear(view.producer(inner.variable), view) is not None and view.only_use(inner.variable)
    if is_trivial or is_linear:
        view.decline(node, "an operator before it can take the slope, the offset and the clamp")
        return None
    known = view.type_of(inner.variable)
    if known != view.type_of(node.outputs[0]) or not np.isfinite([inner.slope, inner.offset]).all():
        return None
    return HardSigmoid(factor * inner.slope, factor * inner.offset)(view.ref(inner.variable))
