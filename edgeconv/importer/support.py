"""Everything in a model that would not convert, instead of the first thing only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx

from edgeconv.errors import EdgeconvError, InvalidModelError, RunTimeInputError, UnsupportedModelError
from edgeconv.importer.build import GraphBuilder
from edgeconv.importer.decode import dtype_name
from edgeconv.importer.load import Constants, InputShapes, Source, parse, prepare
from edgeconv.importer.order import needed
from edgeconv.importer.scope import node_label

__all__ = ["Obstacle", "every_obstacle", "find_obstacles"]

_MOST_NAMED = 12
"""Reasons, and names for each, in one message."""


@dataclass(frozen=True)
class Obstacle:
    """A node that does not convert: its name, its ONNX type, and why (with the way on, where there is one)."""

    name: str
    operator: str
    reason: str


def find_obstacles(
    source: Source, input_shapes: InputShapes | None = None, constants: Constants | None = None
) -> tuple[tuple[Obstacle, ...], int]:
    """(obstacles in the order of the model, number of nodes).

    After a node that does not convert, its outputs are taken to be what the model declares of them. Where it declares
    nothing, nodes that depend on them are only asked whether their operator is known. Raises what `load_onnx` raises
    for anything but a node.
    """
    parsed = parse(source)
    builder, graph = prepare(parsed, input_shapes, constants), parsed.model.graph
    declared = {value.name: value for value in graph.value_info}
    unknown: set[str] = set()
    found = []
    for node in needed(graph.node, (value.name for value in graph.output)):
        obstacle = _obstacle(builder, node, unknown)
        if obstacle is not None:
            found.append(obstacle)
        if obstacle is not None or unknown.intersection(node.input):
            unknown.update(_undeclared(builder, node.output, declared))
    return tuple(found), len(graph.node)


def every_obstacle(
    error: UnsupportedModelError,
    source: Source,
    input_shapes: InputShapes | None = None,
    constants: Constants | None = None,
) -> UnsupportedModelError:
    """An error that names every node of `source` that does not convert; `error` itself where that is the only one."""
    if isinstance(error, RunTimeInputError):
        return error
    try:
        found, nodes = find_obstacles(source, input_shapes, constants)
    except EdgeconvError:
        return error
    if len(found) < 2:
        return error
    names: dict[tuple[str, str], list[str]] = {}
    for each in found:
        names.setdefault((each.operator, each.reason), []).append(each.name)
    parts = [
        f"{operator} {_listed(where)}: {reason}" for (operator, reason), where in list(names.items())[:_MOST_NAMED]
    ]
    more = len(names) - _MOST_NAMED
    hidden = f"; and {more} more reasons, which `edgeconv inspect --support MODEL` lists" if more > 0 else ""
    return UnsupportedModelError(f"{len(found)} of {nodes} nodes would not convert: {'; '.join(parts)}{hidden}")


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:_MOST_NAMED]))
    return shown + (f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")


def _obstacle(builder: GraphBuilder, node: onnx.NodeProto, unknown: set[str]) -> Obstacle | None:
    try:
        if unknown.intersection(node.input):
            builder.check_known(node)
        else:
            builder.add_node(builder.strings.plain(node))
    except (UnsupportedModelError, InvalidModelError) as error:
        reason = str(error).removeprefix(f"{node_label(node)}: ")
        name = node.name or (node.output[0] if node.output else "")
        return Obstacle(name, node.op_type, reason)
    return None


def _undeclared(builder: GraphBuilder, names: Iterable[str], declared: dict[str, onnx.ValueInfoProto]) -> list[str]:
    """The names of which the model declares no static type; the others are made known to `builder`."""
    return [name for name in names if name and not (name in declared and _declare(builder, declared[name]))]


def _declare(builder: GraphBuilder, value: onnx.ValueInfoProto) -> bool:
    tensor = value.type.tensor_type
    shape = [dim.dim_value for dim in tensor.shape.dim]
    if not tensor.HasField("shape") or not all(size > 0 for size in shape):
        return False
    try:
        builder.add_input(value.name, dtype_name(tensor.elem_type, value.name), tuple(shape))
    except EdgeconvError:
        return False
    return True
