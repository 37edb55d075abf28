"""Names and what they stand for: the main graph, a subgraph inside it, the body of a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import onnx

from edgeconv.core import Array
from edgeconv.ops.base import Ref
from edgeconv.ops.onnx_rules import Value

if TYPE_CHECKING:
    from edgeconv.importer.build import GraphBuilder

__all__ = ["Around", "Scope", "node_label"]


def node_label(node: onnx.NodeProto, prefix: str = "") -> str:
    """How messages call the node: "Conv '/features/0/Conv'"."""
    return f"{node.op_type} {prefix + (node.name or (node.output[0] if node.output else ''))!r}"


@dataclass
class Scope:
    """One set of names.

    `attributes`: those of the node that calls the function whose body this is. `parent`: of a subgraph, which sees the
    names around it; a function does not. `elements`: the ONNX element types that the model declares.
    `label` stands in front of node names; `depth` counts functions and subgraphs.
    """

    opsets: Mapping[str, int]
    values: dict[str, Value] = field(default_factory=dict)
    lazy: dict[str, Callable[[], Array]] = field(default_factory=dict)
    elements: dict[str, int] = field(default_factory=dict)
    attributes: Mapping[str, onnx.AttributeProto] = field(default_factory=dict)
    parent: Scope | None = None
    label: str = ""
    depth: int = 0

    def inside(self) -> Scope:
        """The scope of a subgraph."""
        return replace(self, values={}, lazy={}, elements={}, parent=self, depth=self.depth + 1)

    def element(self, name: str, value: Value) -> int:
        """The ONNX element type of a value: what the model declares, or else what its dtype is."""
        seen: Scope | None = self
        while seen is not None and not seen.elements.get(name):
            seen = seen.parent
        if seen is not None:
            return seen.elements[name]
        known = value.type.dtype if isinstance(value, Ref) else "float32"
        return int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(known)))

    def resolved(self, attribute: onnx.AttributeProto) -> onnx.AttributeProto | None:
        """The attribute itself, or the one of the calling node that it refers to; None where that has none."""
        if not attribute.ref_attr_name:
            return attribute
        found = self.attributes.get(attribute.ref_attr_name)
        if found is None:
            return None
        named = onnx.AttributeProto()
        named.CopyFrom(found)
        named.name = attribute.name
        return named


@dataclass(frozen=True)
class Around:
    """Where a program inside an operator stands: the builder of the graph around it, and the names that it sees."""

    builder: GraphBuilder
    scope: Scope
