"""Tensors full of one value (ONNX's ConstantOfShape) stay that, whatever moves them.

1. movement(Fill)                          -> Fill of the new shape
2. f(Fill), f elementwise of one input     -> Fill with f(value)
3. binary(x, Fill)                         -> binary(x, value), where x alone gives the shape of the result
4. Concat(Fill, Fill) of one value         -> Fill
5. LSTM, GRU, RNN from a state of zeros    -> the same without an initial state
"""

from __future__ import annotations

from functools import partial
from typing import TypeAlias

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.graph import Graph, Node
from edgeconv.graph.shapes import shape_expression
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.binary import Binary
from edgeconv.ops.cast import Cast
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.concat import Concat
from edgeconv.ops.elementwise import Elementwise
from edgeconv.ops.expand import Fill
from edgeconv.ops.pad import Border
from edgeconv.ops.recurrent import Recurrent
from edgeconv.passes.rewrite import View, rewrite

__all__ = ["propagate_fill"]

_Result: TypeAlias = "Expr | tuple[Expr | None, ...] | None"

_STATES = (5, 6)
"""Positions of the initial states of a recurrent operator."""


def propagate_fill(graph: Graph) -> int:
    """Compute what becomes of constant fills of unknown shape."""
    return rewrite(graph, partial(_rule, sources=[Ref(name, graph.types[name]) for name in graph.inputs]))


def _rule(node: Node, view: View, sources: list[Ref]) -> _Result:
    if isinstance(node.op, Recurrent):
        return _without_zero_states(node, view)
    values = [_filled(name, view) for name in node.inputs]
    if not any(value is not None for value in values):
        return None
    if isinstance(node.op, Binary):
        return _binary(node, values, view)
    value = _moved(node, values, view)
    if value is None:
        return None
    results = [_fill(value, view.type_of(name), sources) if name else None for name in node.outputs]
    if any(name and result is None for name, result in zip(node.outputs, results, strict=True)):
        view.decline(node, "its shape does not follow from one input of the graph")
        return None
    return tuple(results)


def _filled(name: str, view: View) -> float | None:
    """The value that a Fill gives to `name`."""
    node = view.producer(name, Fill)
    return node.op.value if node is not None and isinstance(node.op, Fill) else None


def _moved(node: Node, values: list[float | None], view: View) -> float | None:
    """The one value in all outputs of `node`."""
    op, first = node.op, values[0]
    if isinstance(op, Concat):
        return first if len(set(values)) == 1 else None
    if first is None:
        return None
    if isinstance(op, (Elementwise, Clamp, Cast)) and len(node.inputs) == 1:
        result: Array = np.asarray(op.run(np.array(first, view.type_of(node.inputs[0]).dtype)))
        return float(result)
    if isinstance(op, Border) and op.mode == "constant":
        return first if op.value == first and len(values) < 3 else None
    return first if op.quant is not None and op.quant.shared else None


def _fill(value: float, known: TensorType, sources: list[Ref]) -> Expr | None:
    dims = np.empty(known.rank, "int64" if known.is_static else "object")
    dims[:] = known.shape
    shape = dims if known.is_static else shape_expression(dims, "int64", sources)
    return None if shape is None else Fill(value, known.dtype)(shape)


def _binary(node: Node, values: list[float | None], view: View) -> Expr | None:
    """Case 3."""
    shape = view.type_of(node.outputs[0]).shape
    a, b = node.inputs
    for variable, value in ((a, values[1]), (b, values[0])):
        if value is not None and view.type_of(variable).shape == shape:
            number = np.array(value, view.type_of(variable).dtype)
            pair = (view.ref(a), number) if variable == a else (number, view.ref(b))
            return node.op(*pair)
    return None


def _without_zero_states(node: Node, view: View) -> _Result:
    """Case 5."""
    inputs = view.refs(node)
    for position in _STATES:
        if position < len(inputs) and inputs[position] is not None and _is_zero(node.inputs[position], view):
            inputs[position] = None
    while inputs[-1] is None:
        inputs.pop()
    if [None if ref is None else ref.name for ref in inputs] == [name or None for name in node.inputs]:
        return None
    call = node.op(*inputs)
    return tuple(call[index] for index in range(len(node.outputs)))


def _is_zero(name: str, view: View) -> bool:
    value = view.constant(name)
    return _filled(name, view) == 0 if value is None else not value.any()
