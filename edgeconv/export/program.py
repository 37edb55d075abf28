"""Graph -> Program: names become indices."""

from __future__ import annotations

from edgeconv.graph import Graph
from edgeconv.runtime.program import ABSENT, Program, Step, Tensor

__all__ = ["to_program"]


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
    return Program(tensors, steps, inputs, outputs, dict(sorted(graph.metadata.items())))
