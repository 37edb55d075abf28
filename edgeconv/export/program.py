"""Graph -> Program: names become indices; and back."""

from __future__ import annotations

from edgeconv.core import TensorType
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import infer_types
from edgeconv.runtime.program import ABSENT, Program, Step, Tensor

__all__ = ["from_program", "to_program"]


def to_program(graph: Graph) -> Program:
    """The program of a graph: inputs first, then constants, then activations in the order they are computed."""
    order = dict.fromkeys(graph.inputs)
    constants = dict(graph.constants())
    order.update(dict.fromkeys(constants))
    order.update(dict.fromkeys(name for node in graph.nodes for name in node.outputs if name))
    index = {name: position for position, name in enumerate(order)} | {"": ABSENT}
    tensors = tuple(
        Tensor(name, graph.types[name] if name in constants else graph.types[name].with_shape(graph.types[name].shape))
        for name in order
    )
    steps = tuple(
        Step(node.op, tuple(index[n] for n in node.inputs), tuple(index[n] for n in node.outputs), node.name)
        for node in graph.nodes
    )
    inputs = tuple(index[name] for name in graph.inputs)
    outputs = tuple(index[name] for name in graph.outputs)
    states = tuple((index[source], index[target]) for source, target in graph.states.items())
    return Program(tensors, steps, inputs, outputs, dict(sorted(graph.metadata.items())), states)


def from_program(program: Program) -> Graph:
    """The graph of a program whose tensors have names of their own, as `to_program` makes it."""
    names = [tensor.name for tensor in program.tensors]
    names.append("")  # ABSENT, -1, is the last
    nodes = [
        Node(step.op, tuple(names[i] for i in step.inputs), tuple(names[i] for i in step.outputs), step.name)
        for step in program.steps
    ]
    types = {tensor.name: tensor.type for tensor in program.tensors}
    for node in nodes:
        _recall_values(node, types)
    inputs, outputs = [names[i] for i in program.inputs], [names[i] for i in program.outputs]
    return Graph(nodes, types, inputs, outputs, dict(program.metadata))


def _recall_values(node: Node, types: dict[str, TensorType]) -> None:
    """The values that follow from open shapes: a graph knows them, a program does not say them."""
    if not any(types[name].rank < 2 and not types[name].is_float for name in node.outputs if name):
        return
    found = infer_types(node.op, [types[name] if name else None for name in node.inputs])
    for name, known in zip(node.outputs, found, strict=True):
        if name and known.value is not None:
            types[name] = TensorType(types[name].dtype, types[name].shape, None, known.value)
