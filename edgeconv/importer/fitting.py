"""Open dimensions of inputs that only one size fits: the channels of a first convolution, the features of a product.

Some exporters leave every dimension open. A weight that an input meets, elementwise operators and Transpose on the way,
says how large one of its dimensions is; it then is that wherever its name stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx

from edgeconv.core import Shape
from edgeconv.dims import SymbolicDim

__all__ = ["fitted"]

_ELEMENTWISE = (
    *(
        "Abs",
        "Add",
        "BatchNormalization",
        "Cast",
        "Clip",
        "Div",
        "Dropout",
        "Elu",
        "Exp",
        "Identity",
        "LeakyRelu",
        "Mul",
    ),
    *("Neg", "Pow", "Relu", "Sigmoid", "Sqrt", "Sub", "Tanh"),
)
_WEIGHTED = {
    "BatchNormalization": (1, 1, 0),
    "Conv": (1, 1, 1),
    "ConvTranspose": (1, 1, 0),
    "GRU": (2, 1, 2),
    "LSTM": (2, 1, 2),
    "MatMul": (-1, 1, -2),
    "RNN": (2, 1, 2),
}
"""Operator -> the dimension of its first input, and the input and its dimension that must be equal to it."""


def fitted(graph: onnx.GraphProto, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """`shapes` of the inputs by name, with sizes for the open dimensions that weights of `graph` decide."""
    sizes: dict[SymbolicDim, int] = {}
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    known = dict(shapes) if any(isinstance(dim, SymbolicDim) for shape in shapes.values() for dim in shape) else {}
    for node in graph.node if known else ():
        shape = known.get(node.input[0]) if node.input else None
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            weights[node.output[0]] = tuple(node.attribute[0].t.dims)
        if shape is None:
            continue
        found = _required(node, shape, weights)
        if found is not None:
            sizes.setdefault(*found)
        if node.op_type in _ELEMENTWISE and all(len(weights.get(name, shape)) <= len(shape) for name in node.input):
            known[node.output[0]] = shape
        if node.op_type == "Transpose":
            order = _attribute(node, "perm", [*range(len(shape))][::-1])
            known[node.output[0]] = tuple(shape[axis] for axis in order if axis < len(shape))
    return {name: tuple(sizes.get(dim, dim) if isinstance(dim, SymbolicDim) else dim for dim in shape)
            for name, shape in shapes.items()}  # fmt: skip


def _required(
    node: onnx.NodeProto, shape: Shape, weights: Mapping[str, tuple[int, ...]]
) -> tuple[SymbolicDim, int] | None:
    """The open dimension of the node's first input that its weight decides, and the size."""
    if node.op_type == "Gemm":
        axis, place, end = 0 if _attribute(node, "transA", 0) else 1, 1, _attribute(node, "transB", 0)
    elif node.op_type in _WEIGHTED:
        axis, place, end = _WEIGHTED[node.op_type]
    else:
        return None
    weight = weights.get(node.input[place], ()) if len(node.input) > place else ()
    if not -len(shape) <= axis < len(shape) or not -len(weight) <= end < len(weight):
        return None
    dim, groups = shape[axis], _attribute(node, "group", 1) if node.op_type == "Conv" else 1
    return (dim, weight[end] * groups) if isinstance(dim, SymbolicDim) else None


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """An integer, or a list of them; the default where it is something else, which is for its rule to tell."""
    kind = onnx.AttributeProto.INTS if isinstance(default, list) else onnx.AttributeProto.INT
    found = next((item for item in node.attribute if item.name == name and item.type == kind), None)
    return default if found is None else onnx.helper.get_attribute_value(found)
