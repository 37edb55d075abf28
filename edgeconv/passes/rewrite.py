"""The rewrite driver: the only place where a pass changes a graph.

A rule looks at one node and the graph around it and returns the expression that computes the node's outputs instead
(a tuple of expressions for several outputs), or None. What is no longer used is dropped afterwards.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias, TypeVar

from edgeconv.core import Array, TensorType
from edgeconv.errors import InternalError
from edgeconv.graph import Emitter, Graph, Node
from edgeconv.ops.base import Expr, Operator, Ref
from edgeconv.ops.identity import Identity

__all__ = ["Rule", "View", "rewrite"]

_log = logging.getLogger("edgeconv.passes")
_O = TypeVar("_O", bound=Operator)


class View:
    """What a rule may ask of the graph. Producers are those already rewritten in this sweep; uses are kept exact.

    `has_grids`: weights came as integers, so no rule may scale or cut them.
    """

    def __init__(self, graph: Graph) -> None:
        self._types = graph.types
        self._outputs = set(graph.outputs)
        self._producers: dict[str, Node] = {}
        self._protected = graph.protected
        self.has_grids = bool(graph.grids)
        self._uses = Counter(name for node in graph.nodes for name in node.inputs if name)
        self._uses.update(graph.outputs)

    def ref(self, name: str) -> Ref:
        """The value called `name` as an expression."""
        return Ref(name, self._types[name])

    def refs(self, node: Node) -> list[Ref | None]:
        """A node's inputs as expressions, None for absent ones."""
        return [self.ref(name) if name else None for name in node.inputs]

    def type_of(self, name: str) -> TensorType:
        """The type of a value."""
        return self._types[name]

    def constant(self, name: str) -> Array | None:
        """The value of a constant, None for anything that a node computes."""
        return None if not name or name in self._producers else self._types[name].value

    def producer(self, name: str, op: type[_O] | None = None) -> Node | None:
        """The node that computes `name`, if there is one, it is an `op`, and rules may touch it."""
        node = self._producers.get(name)
        if node is None or self.is_protected(node) or not (op is None or isinstance(node.op, op)):
            return None
        return node

    def is_protected(self, node: Node) -> bool:
        """True for a node that must stay as it is."""
        return node.name in self._protected

    def is_output(self, name: str) -> bool:
        """True for an output of the graph."""
        return name in self._outputs

    def is_used(self, name: str) -> bool:
        """True when a node reads `name`, or it is an output of the graph."""
        return bool(name) and self._uses[name] > 0

    def only_use(self, name: str) -> bool:
        """True when exactly one node reads `name` once, and it is no output of the graph."""
        return self._uses[name] == 1 and name not in self._outputs

    def decline(self, node: Node, reason: str) -> None:
        """Say at debug level why a rule left `node` alone; returns None, so that a rule can return it."""
        _log.debug("%s left alone: %s", node.label, reason)

    def _add(self, node: Node) -> None:
        self._producers.update((name, node) for name in node.outputs if name)

    def _acquire(self, node: Node) -> None:
        self._uses.update(name for name in node.inputs if name)

    def _release(self, node: Node) -> list[Node]:
        """Take back the uses of a node that is gone, and of the nodes that are useless without it: these nodes."""
        gone = [node]
        for name in node.inputs:
            self._uses[name] -= 1
            source = self._producers.get(name)
            if source is not None and not any(self.is_used(output) for output in source.outputs):
                for output in source.outputs:
                    self._producers.pop(output, None)
                gone.extend(self._release(source))
        return gone

    def _rename(self, name: str, target: str) -> None:
        """From now on the uses of `name` read `target`."""
        self._uses[target] += self._uses.pop(name, 0)


Rule: TypeAlias = Callable[[Node, View], "Expr | tuple[Expr | None, ...] | None"]


def rewrite(graph: Graph, rule: Rule) -> int:
    """Offer every node to `rule`, in order, in one sweep; returns how many it replaced."""
    sweep = _Sweep(graph)
    for node in graph.nodes:
        sweep.offer(node, rule)
    graph.nodes = sweep.emitter.nodes
    graph.prune()
    return sweep.changed


class _Sweep:
    def __init__(self, graph: Graph) -> None:
        self.view = View(graph)
        self.emitter = Emitter(graph.types)
        self.alias: dict[str, str] = {}
        self.changed = 0

    def offer(self, node: Node, rule: Rule) -> None:
        if any(name in self.alias for name in node.inputs):
            node = replace(node, inputs=tuple(self.alias.get(name, name) for name in node.inputs))
        results = None if self.view.is_protected(node) else rule(node, self.view)
        if results is None or not self._replace(node, results):
            self.emitter.nodes.append(node)
            self.view._add(node)

    def _replace(self, node: Node, results: Expr | tuple[Expr | None, ...]) -> bool:
        exprs: list[Expr | None] = list(results) if isinstance(results, tuple) else [results]
        self._check_complete(node, exprs)
        for position, (name, expr) in enumerate(zip(node.outputs, exprs, strict=False)):
            if isinstance(expr, Ref) and self.view.is_output(name) and not self._can_rename(expr.name):
                if isinstance(node.op, Identity):
                    return False
                exprs[position] = Identity()(expr)
        start = len(self.emitter.nodes)
        old = {name: self.emitter.types.pop(name) for name in node.outputs if name}
        found = self.emitter.emit(exprs, node.outputs, node.name)
        self._keep_constant_outputs(node)
        for new in self.emitter.nodes[start:]:
            self.view._add(new)
            self.view._acquire(new)
        for name, ref in found.items():
            if ref.name != name:
                self._redirect(name, ref.name)
        sources = [self.view.producer(name) for name in node.inputs]
        self._name(start, [*self.view._release(node), *(source for source in sources if source is not None)])
        self.emitter.types.update((name, known) for name, known in old.items() if name not in self.emitter.types)
        self.changed += 1
        return True

    def _check_complete(self, node: Node, exprs: list[Expr | None]) -> None:
        given = [expr is not None for expr in exprs] + [False] * (len(node.outputs) - len(exprs))
        lost = [name for name, has in zip(node.outputs, given, strict=False) if not has and self.view.is_used(name)]
        if lost:
            raise InternalError(f"the replacement of {node.label} does not compute its output {lost[0]!r}")

    def _name(self, start: int, replaced: list[Node]) -> None:
        """Call new nodes like the replaced ones of their type, by the names that users know."""
        for position, node in enumerate(self.emitter.nodes[start:], start):
            known = next((old for old in replaced if type(old.op) is type(node.op) and old.name), None)
            if known is not None and known.name != node.name:
                self.emitter.nodes[position] = replace(node, name=known.name)
                self.view._add(self.emitter.nodes[position])

    def _keep_constant_outputs(self, node: Node) -> None:
        """An output of the graph that has become a constant stays the output of a node."""
        made = {name for new in self.emitter.nodes for name in new.outputs}
        for name in node.outputs:
            known = self.emitter.types.get(name)
            if self.view.is_output(name) and known is not None and name not in made:
                constant = self.emitter.fresh(f"{name}.const")
                self.emitter.types[constant] = known
                self.emitter.types[name] = known.with_shape(known.shape)
                self.emitter.nodes.append(Node(Identity(), (constant,), (name,), node.name))

    def _can_rename(self, name: str) -> bool:
        return self.view.producer(name) is not None and not self.view.is_output(name)

    def _redirect(self, name: str, target: str) -> None:
        if not self.view.is_output(name):
            self.alias[name] = target
            self.alias.update((old, target) for old, new in list(self.alias.items()) if new == name)
            self.view._rename(name, target)
            return
        # An output keeps its name: the value that it now is takes that name everywhere.
        self.alias[target] = name
        self.alias.update((old, name) for old, new in list(self.alias.items()) if new == target)
        self.emitter.types[name] = self.emitter.types[target]
        self.view._rename(target, name)
        self.view._producers.pop(target, None)
        for position, node in enumerate(self.emitter.nodes):
            if target in node.inputs or target in node.outputs:
                renamed = replace(
                    node,
                    inputs=tuple(name if n == target else n for n in node.inputs),
                    outputs=tuple(name if n == target else n for n in node.outputs),
                )
                self.emitter.nodes[position] = renamed
                self.view._add(renamed)
