"""Which nodes become int8, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from edgeconv.errors import UsageError
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Operator, QuantRule
from edgeconv.quantize.config import QuantConfig
from edgeconv.quantize.in_float import BY_FORM, Ranges, tails

__all__ = [
    "WEIGHT_ONLY",
    "Selection",
    "activation_inputs",
    "excluded_nodes",
    "is_table",
    "obstacle",
    "protect_excluded",
    "select",
]

_ONNX_NAMES = {"gemm": ("dense",), "matmul": ("dense", "matmul"), "relu": ("clamp",), "clip": ("clamp",)}
"""ONNX operator types that edgeconv calls otherwise."""


WEIGHT_ONLY = "int8 weights, float state"


class Selection:
    """The nodes (by their first output) that compute in int8, and the reasons of those that do not.

    `wide`: the values that int8 nodes hold in 16 bits. `weight_only`: nodes in float whose weights are int8.
    """

    def __init__(self, wide: Iterable[str] = ()) -> None:
        self.int8: set[str] = set()
        self.reasons: dict[str, str] = {}
        self.wide = frozenset(wide)
        self.weight_only: set[str] = set()

    def has(self, node: Node) -> bool:
        """True when `node` computes in int8."""
        return node.outputs[0] in self.int8

    def has_int8_weights(self, node: Node) -> bool:
        """True when `node` computes in float with int8 weights."""
        return node.outputs[0] in self.weight_only or self.reasons.get(node.outputs[0]) == WEIGHT_ONLY

    def dtype(self, name: str) -> str:
        """The integers that hold a value."""
        return "int16" if name in self.wide else "int8"


def select(graph: Graph, config: QuantConfig, ranges: Ranges | None = None) -> Selection:
    """Decide for every node; `ranges`, once known, keep tails in float. UsageError for what matches nothing."""
    excluded = excluded_nodes(graph, config)
    chosen = Selection(value for value, precision in config.raised if precision == "int16")
    in_float = {value for value, precision in config.raised if precision == "float"}
    kept = {key: reason for rule in BY_FORM for key, reason in rule(graph).items()}
    for node in graph.nodes:
        reason = excluded.get(node.outputs[0]) or kept.get(node.outputs[0]) or obstacle(graph, node)
        if reason is None and not in_float.isdisjoint((*node.inputs, *node.outputs)):
            reason = "what it reads or gives stays in float to keep the accuracy"
            chosen.weight_only.add(node.outputs[0])
        if reason is None:
            chosen.int8.add(node.outputs[0])
        elif any(graph.types[name].is_float for name in node.outputs if name):
            chosen.reasons[node.outputs[0]] = reason
    _drop_islands(graph, chosen)
    for key, reason in ({} if ranges is None else tails(graph, chosen.int8, ranges)).items():
        chosen.int8.discard(key)
        chosen.reasons[key] = reason
    return chosen


def activation_inputs(graph: Graph, node: Node) -> list[int]:
    """Positions of the inputs that an int8 form of `node` reads as int8."""
    rule = node.op.quant or QuantRule()
    chosen = range(len(node.inputs)) if rule.activations is None else rule.activations
    return [i for i in chosen if i < len(node.inputs) and node.inputs[i] and i not in (rule.weight, rule.bias)]


def is_table(graph: Graph, node: Node) -> bool:
    """True when `node` maps one activation elementwise, so that a table of 256 entries can take its place."""
    rule = node.op.quant
    if rule is None or len(node.outputs) != 1:
        return False
    variable = [name for name in node.inputs if name and graph.constant(name) is None]
    scalars = all(graph.types[name].size == 1 for name in node.inputs if name and name not in variable)
    if len(variable) != 1 or not scalars:
        return False
    known, result = graph.types[variable[0]], graph.types[node.outputs[0]]
    return (rule.table or node.op.elementwise) and known.shape == result.shape


def obstacle(graph: Graph, node: Node) -> str | None:
    """Why `node` cannot compute in int8, or None."""
    rule = node.op.quant
    if rule is None:
        return node.op.float_reason
    return _form_obstacle(graph, node, rule) or _activation_obstacle(graph, node, rule)


def _form_obstacle(graph: Graph, node: Node, rule: QuantRule) -> str | None:
    """Why the int8 form of the operator does not cover this node."""
    if any(name and graph.types[name].value is not None for name in node.outputs):
        return "it computes a shape"
    is_unknown = any(position < len(node.inputs) and node.inputs[position] for position in rule.absent)
    if is_unknown or not node.op.is_quantizable:
        return WEIGHT_ONLY if rule.weight_only else "its int8 kernel does not know all that it uses"
    if any(graph.constant(name) is None for at, name in enumerate(node.inputs) if name and at in rule.constants):
        return "its weight is computed at run time"
    return None


def _activation_obstacle(graph: Graph, node: Node, rule: QuantRule) -> str | None:
    positions = activation_inputs(graph, node)
    variable = [i for i in positions if graph.constant(node.inputs[i]) is None]
    is_constant = all(graph.constant(name) is not None for name in node.inputs if name)
    if is_constant or not (variable or rule.shared):
        return "none of its inputs is an activation"
    if rule.table and not is_table(graph, node):
        return "it is not a function of one activation alone"
    touched = [graph.types[node.inputs[i]] for i in positions] + [graph.types[name] for name in node.outputs if name]
    other = next((known for known in touched if known.dtype != "float32"), None)
    if other is not None:
        return f"it computes in {other.dtype}"
    return _weight_obstacle(graph, node, rule)


def _weight_obstacle(graph: Graph, node: Node, rule: QuantRule) -> str | None:
    for position, what in ((rule.weight, "weight"), (rule.bias, "bias")):
        if position is None or position >= len(node.inputs) or not node.inputs[position]:
            continue
        if graph.constant(node.inputs[position]) is None:
            return f"its {what} is computed at run time"
    return None


def _drop_islands(graph: Graph, chosen: Selection) -> None:
    """What multiplies nothing, between float operators, stays in float: converting there and back gains nothing.

    An island is a connected set of such int8 nodes that meets a float operator and no other int8 one.
    """
    producers, consumers = graph.producers(), graph.consumers()

    def neighbours(node: Node) -> list[Node]:
        before = [producers[name] for name in node.inputs if name in producers]
        return before + [other for name in node.outputs for other in consumers.get(name, [])]

    soft = {node.outputs[0]: node for node in graph.nodes if chosen.has(node) and _is_soft(graph, node)}
    while soft:
        island, shore = _component(soft, neighbours)
        if any(node.outputs[0] in chosen.reasons for node in shore) and not any(chosen.has(node) for node in shore):
            chosen.int8.difference_update(island)
            chosen.reasons.update(dict.fromkeys(island, "all operators around it are in float"))


def _is_soft(graph: Graph, node: Node) -> bool:
    """True for what multiplies nothing and, element by element, computes from one activation at most."""
    variable = [name for name in node.inputs if name and graph.constant(name) is None]
    return type(node.op).macs is Operator.macs and not (node.op.elementwise and len(variable) > 1)


def _component(soft: dict[str, Node], neighbours: Callable[[Node], list[Node]]) -> tuple[list[str], list[Node]]:
    """Take one connected set out of `soft`: (its keys, the other nodes that it touches)."""
    key, first = soft.popitem()
    island, shore, todo = [key], [], [first]
    while todo:
        for other in neighbours(todo.pop()):
            if other.outputs[0] in soft:
                todo.append(soft.pop(other.outputs[0]))
                island.append(other.outputs[0])
            elif other.outputs[0] not in island:
                shore.append(other)
    return island, shore


def protect_excluded(graph: Graph, config: QuantConfig) -> Graph:
    """A copy of a graph, as imported, in which no pass touches the nodes that `config` excludes.

    UsageError for a pattern or type that matches nothing.
    """
    keys = excluded_nodes(graph, config)
    graph = graph.copy()
    graph.protected = frozenset(node.name for node in graph.nodes if node.outputs[0] in keys)
    return graph


def excluded_nodes(graph: Graph, config: QuantConfig) -> dict[str, str]:
    """First output -> reason, of the nodes that the user excludes. UsageError for what matches nothing."""
    names = {node.outputs[0]: (node.name, *node.outputs) for node in graph.nodes}
    found: dict[str, str] = {}
    for pattern in config.exclude:
        hits = [key for key, known in names.items() if any(fnmatchcase(name, pattern) for name in known if name)]
        every = sorted({name for known in names.values() for name in known if name})
        _require(hits, f"--exclude {pattern!r} matches no node", pattern, every)
        found.update((key, f"excluded by {pattern!r}") for key in hits)
    for op_type in config.exclude_op:
        wanted = _ONNX_NAMES.get(op_type.lower(), (op_type.lower(), op_type.lower().replace("normalization", "norm")))
        hits = [node.outputs[0] for node in graph.nodes if node.op_name.lower() in wanted]
        _require(hits, f"--exclude-op {op_type!r} matches no node", op_type, sorted({n.op_name for n in graph.nodes}))
        found.update((key, f"excluded by type {op_type!r}") for key in hits)
    return found


def _require(hits: Sequence[str], problem: str, pattern: str, known: Sequence[str]) -> None:
    if hits:
        return
    near = get_close_matches(pattern.strip("*"), known, n=5, cutoff=0.3) or list(known[:5])
    raise UsageError(f"{problem}; near names: {', '.join(map(repr, near))}")
