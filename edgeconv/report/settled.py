"""What of two models can be compared: where only data tells shapes, the values that the decision is made from."""

from __future__ import annotations

from edgeconv.dims import any_counted
from edgeconv.errors import UsageError
from edgeconv.export.program import from_program, to_program
from edgeconv.graph import Graph
from edgeconv.graph.late import settled
from edgeconv.ops.quantize import Dequantize
from edgeconv.runtime import Interpreter, Program

__all__ = ["settled_pair"]


def settled_pair(candidate: Interpreter, reference: Interpreter) -> tuple[Interpreter, Interpreter]:
    """The two as they are; where a shape depends on data in one, both up to there, with the outputs that both have.

    Boxes and scores are then compared, not what NonMaxSuppression makes of them: of that there may be more in one.
    UsageError where nothing is left to compare.
    """
    if not any(any_counted(tensor.type.shape) for each in (candidate, reference) for tensor in each.program.tensors):
        return candidate, reference
    graphs = [_settled(each.program) for each in (candidate, reference)]
    names = [name for name in graphs[1].outputs if name in graphs[0].outputs]
    if not names:
        raise UsageError("the shapes of all outputs depend on data, and the models have no value before in common; "
                         "are they the same network?")  # fmt: skip
    for graph in graphs:
        graph.outputs = list(names)
        graph.states = {source: target for source, target in graph.states.items() if target in names}
        graph.prune()
    return Interpreter(to_program(graphs[0])), Interpreter(to_program(graphs[1]))


def _settled(program: Program) -> Graph:
    """The graph up to where data decides; what is converted to float there, as it is before."""
    graph = from_program(program)
    graph.states = {program.tensors[i].name: program.tensors[o].name for i, o in program.states}
    before = settled(graph)
    before = before.copy()
    made = before.producers()
    sources = [made[name].inputs[0] if name in made and isinstance(made[name].op, Dequantize) else name
               for name in before.outputs]  # fmt: skip
    before.outputs = list(dict.fromkeys(sources))
    before.prune()
    return before
