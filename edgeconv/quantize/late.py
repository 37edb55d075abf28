"""An int8 graph and what comes after it in float: the nodes whose shapes, or whose inputs' shapes, only data tells."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.core import TensorType
from edgeconv.errors import UsageError
from edgeconv.graph import Graph, Node
from edgeconv.graph.late import late_nodes
from edgeconv.ops.quantize import Dequantize
from edgeconv.quantize.config import QuantConfig
from edgeconv.quantize.select import excluded_nodes

__all__ = ["REASON", "config_for", "late_reasons", "with_late"]

REASON = "only data tells the shape of what it reads or gives"


def config_for(graph: Graph, config: QuantConfig) -> QuantConfig:
    """`config` without the exclusions that match nothing in `graph`: they were for the nodes after it."""
    patterns = tuple(each for each in config.exclude if _matches(graph, QuantConfig(exclude=(each,))))
    types = tuple(each for each in config.exclude_op if _matches(graph, QuantConfig(exclude_op=(each,))))
    return replace(config, exclude=patterns, exclude_op=types)


def _matches(graph: Graph, config: QuantConfig) -> bool:
    try:
        return bool(excluded_nodes(graph, config))
    except UsageError:
        return False


def late_reasons(graph: Graph) -> dict[str, str]:
    """First output -> why it is in float, of the late nodes that compute real numbers."""
    return {
        node.outputs[0]: REASON for node in late_nodes(graph) if any(graph.types[n].is_float for n in node.outputs if n)
    }


def with_late(lowered: Graph, source: Graph) -> Graph:
    """The int8 form of the settled part of `source`, with the nodes after it in float."""
    result = lowered.copy()
    late = late_nodes(source)
    if not late:
        return result
    made = {name for node in late for name in node.outputs}
    names: dict[str, str] = {}
    for node in late:
        for name in node.inputs:
            if name and name not in made and name not in names:
                names[name] = _in_float(result, source, name)
        inputs = tuple(names.get(name, name) for name in node.inputs)
        result.nodes.append(replace(node, inputs=inputs))
        result.types.update((name, source.types[name]) for name in node.outputs if name)
    result.float_reasons |= late_reasons(source)
    result.outputs, result.states = list(source.outputs), dict(source.states)
    result.prune()
    result.check("quantization")
    return result


def _in_float(result: Graph, source: Graph, name: str) -> str:
    """What stands for the value `name` of `source`, in `result`: a constant of its own, or the value in float."""
    known = source.types[name]
    if source.constant(name) is not None and name not in source.inputs and name not in source.producers():
        return _constant(result, known, name)
    held = result.types[name]
    if held.q is None:
        return name
    converted = f"{name}.float"
    if converted not in result.types:
        result.types[converted] = TensorType(known.dtype, held.shape)
        result.nodes.append(Node(Dequantize(), (name,), (converted,), name))
    return converted


def _constant(result: Graph, known: TensorType, name: str) -> str:
    """A constant that refinements may have changed in `result` keeps its value under another name."""
    unique, number = name, 1
    while unique in result.types and result.types[unique].value is not known.value:
        unique, number = f"{name}.{number}", number + 1
    result.types[unique] = known
    return unique
