"""QuantizeLinear -> DequantizeLinear pairs of a quantized model, read as parameters of the value between them.

 1. u -> QuantizeLinear -> DequantizeLinear -> v, nothing else reads u    -> one value, with the pair's parameters
 2. the same, where u has parameters already                              -> v = Clamp(u), a change of scale
 3. u -> QuantizeLinear alone, nothing else reads u                       -> u has these parameters
 4. integers from elsewhere -> DequantizeLinear -> v                      -> v has these parameters

uint8 becomes int8: integers and zero point move by 128, so that they stand for the same real values.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from edgeconv.core import QParams
from edgeconv.graph import Graph, Node
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.qdq import DequantizeLinear, QuantizeLinear

__all__ = ["Joined", "is_quantized", "join_pairs", "parameters_of"]

_SHIFT = {"int8": 0, "uint8": 128}


@dataclass
class Joined:
    """The graph with its pairs joined; parameters by value; `sources`: joined value -> what went into its pair."""

    graph: Graph
    qparams: dict[str, QParams]
    sources: dict[str, str]


def is_quantized(graph: Graph) -> bool:
    """True when the model came quantized: some activation has parameters of its own."""
    return any(parameters_of(graph, node) is not None for node in graph.nodes)


def parameters_of(graph: Graph, node: Node | None) -> QParams | None:
    """The int8 parameters that a QuantizeLinear or DequantizeLinear of 8 bits with constant scalars stands for."""
    if node is None or not isinstance(node.op, (QuantizeLinear, DequantizeLinear)):
        return None
    scale, zero_point = (graph.constant(name) for name in node.inputs[1:])
    if scale is None or zero_point is None or scale.size != 1 or zero_point.size != 1:
        return None
    shift, number = _SHIFT.get(zero_point.dtype.name), float(scale.reshape(()))
    if shift is None or not np.isfinite(number) or number <= 0:
        return None
    return QParams.per_tensor(number, int(zero_point.reshape(())) - shift)


def join_pairs(graph: Graph, apart: Collection[str]) -> Joined:
    """Join all pairs but those that the values `apart` go into."""
    return _Joiner(graph, apart).join()


class _Joiner:
    def __init__(self, graph: Graph, apart: Collection[str]) -> None:
        self.graph, self.apart = graph, apart
        self.producers, self.consumers = graph.producers(), graph.consumers()
        self.names: dict[str, str] = {}

    def join(self) -> Joined:
        qparams: dict[str, QParams] = {}
        sources: dict[str, str] = {}
        nodes: list[Node] = []
        for node in self.graph.nodes:
            q = parameters_of(self.graph, node)
            if q is None:
                nodes.append(node)
            elif isinstance(node.op, QuantizeLinear):
                nodes.append(node)
                name = self._joined_name(node.inputs[0], q)
                if name is not None:
                    qparams[name], sources[name], self.names[node.inputs[0]] = q, node.inputs[0], name
            else:
                nodes.extend(self._dequantized(node, q, qparams))
        return Joined(self._renamed(nodes), qparams, sources)

    def _dequantized(self, node: Node, q: QParams, qparams: dict[str, QParams]) -> list[Node]:
        """What a DequantizeLinear becomes; its output gets parameters."""
        before, (name,) = self._before(node, q), node.outputs
        if before in self.names:
            self.names[name] = self.names[before]
            return []
        qparams[name] = q
        if before is not None and self._has_parameters(before):
            return [Node(Clamp(), (before,), node.outputs, node.name)]
        return [node]

    def _before(self, node: Node, q: QParams) -> str | None:
        """What goes into the QuantizeLinear before `node`, if that is of the same parameters."""
        first = self.producers.get(node.inputs[0])
        return first.inputs[0] if first is not None and parameters_of(self.graph, first) == q else None

    def _has_parameters(self, name: str) -> bool:
        source = self.producers.get(name)
        return (
            source is not None
            and isinstance(source.op, DequantizeLinear)
            and parameters_of(self.graph, source) is not None
        )

    def _joined_name(self, name: str, q: QParams) -> str | None:
        """What the value between the two shall be called; None where they stay apart."""
        readers = self.consumers.get(name, [])
        alone = all(isinstance(r.op, QuantizeLinear) and parameters_of(self.graph, r) == q for r in readers)
        if name in self.apart or self._has_parameters(name) or not alone or name in self.graph.outputs:
            return None
        ends = [end for r in readers for d in self.consumers.get(r.outputs[0], []) for end in d.outputs]
        outputs = [end for end in ends if end in self.graph.outputs and self._is_dequantized(end, q)]
        if len(outputs) > 1 or (outputs and name in self.graph.inputs):
            return None
        return outputs[0] if outputs else name

    def _is_dequantized(self, name: str, q: QParams) -> bool:
        node = self.producers[name]
        return isinstance(node.op, DequantizeLinear) and parameters_of(self.graph, node) == q

    def _renamed(self, nodes: list[Node]) -> Graph:
        result, names = self.graph.copy(), self.names
        result.nodes = [
            replace(
                node,
                inputs=tuple(names.get(name, name) for name in node.inputs),
                outputs=tuple(names.get(name, name) for name in node.outputs),
            )
            for node in nodes
        ]
        result.prune()
        return result
