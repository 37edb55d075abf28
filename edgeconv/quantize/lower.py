"""Lowering: the float graph and its parameters -> the int8 graph.

int8 nodes keep their operator and read int8 values; functions of one activation become tables; Quantize and Dequantize
stand at the borders to what stays in float.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from edgeconv.core import Array, QParams, TensorType, dequantize, quantize, type_of
from edgeconv.graph import Graph, Node
from edgeconv.ops.base import Inputs, QuantRule
from edgeconv.ops.lookup import Lookup
from edgeconv.ops.quantize import Dequantize, Quantize
from edgeconv.quantize.ranges import TABLE_STEPS
from edgeconv.quantize.select import Selection, activation_inputs, is_table
from edgeconv.quantize.weights import quantize_weights, weight_only

__all__ = ["lower"]

_STEPS = {"int8": np.arange(-128, 128), "int16": np.arange(-TABLE_STEPS, TABLE_STEPS + 1)}
"""The integers that a table is made for; its equal ends need one entry."""


@dataclass(frozen=True)
class _Chain:
    """A value that is a function of one int8 value."""

    source: str
    function: Callable[[Array], Array]
    names: tuple[str, ...]


@dataclass
class _State:
    """The int8 graph in the making. `home`: does a value of the float graph live in int8 under its own name?

    `own`: constants of the float graph that came as integers, with their parameters. `inside`: the values within
    chains of functions that nothing rounds (None: all that only a function reads).
    """

    float_graph: Graph
    selection: Selection
    qparams: Mapping[str, QParams]
    types: dict[str, TensorType]
    nodes: list[Node] = field(default_factory=list)
    home: set[str] = field(default_factory=set)
    chains: dict[str, _Chain] = field(default_factory=dict)
    own: Mapping[str, QParams] = field(default_factory=dict)
    inside: Collection[str] | None = None

    def fresh(self, name: str) -> str:
        """A name that nothing has yet."""
        unique, number = name, 1
        while unique in self.types:
            unique, number = f"{name}.{number}", number + 1
        return unique

    def constant(self, name: str, value: Array, q: QParams | None = None) -> str:
        """A new constant called `name`, or nearly."""
        unique = self.fresh(name)
        self.types[unique] = type_of(value, q)
        return unique

    def as_int8(self, name: str) -> str:
        """The int8 form of a value of the float graph, made where there is none yet."""
        if name in self.home:
            return name
        dtype = self.selection.dtype(name)
        converted = f"{name}.{dtype}"
        if converted in self.types:
            return converted
        q, value = self.qparams[name], self.float_graph.constant(name)
        if value is not None:
            return self.constant(converted, quantize(value, q), q)
        self.types[converted] = TensorType(dtype, self.types[name].shape, q)
        self.nodes.append(Node(Quantize(), (name,), (converted,), name))
        return converted

    def as_float(self, name: str) -> str:
        """The float form of a value, made where it only lives in int8."""
        if name not in self.home:
            return name
        converted = f"{name}.float"
        if converted not in self.types:
            self.types[converted] = TensorType("float32", self.types[name].shape)
            self.nodes.append(Node(Dequantize(), (name,), (converted,), name))
        return converted

    def settle(self, node: Node) -> None:
        """Give the outputs of an int8 node their int8 types."""
        for name in node.outputs:
            known = self.float_graph.types.get(name)
            if name and known is not None and known.is_float:
                self.types[name] = TensorType(self.selection.dtype(name), known.shape, self.qparams[name])
                self.home.add(name)


def lower(
    graph: Graph,
    selection: Selection,
    qparams: Mapping[str, QParams],
    own: Mapping[str, QParams] | None = None,
    inside: Collection[str] | None = None,
) -> Graph:
    """The int8 graph; every operator with int8 weights has a bias, if only of zeros, for refinements to change.

    `own`: the parameters of constants that came as integers, by name; their integers are kept. `inside`: values that
    only a chain of functions sees, where that is known; by default all that one function reads.
    """
    state = _State(graph, selection, qparams, dict(graph.types), own=own or {}, inside=inside)
    _lower_inputs(state)
    uses = graph.consumers()
    for node in graph.nodes:
        if not selection.has(node):
            _lower_float(state, node)
        elif is_table(graph, node):
            _lower_table(state, node, len(uses.get(_variable(graph, node), [])))
        else:
            _lower_kernel(state, node)
    result = Graph(state.nodes, state.types, list(graph.inputs), list(graph.outputs), dict(graph.metadata))
    result.log, result.float_reasons = list(graph.log), dict(selection.reasons)
    result.states = dict(graph.states)
    result.prune()
    result.check("quantization")
    return result


def _lower_inputs(state: _State) -> None:
    """An input that only int8 nodes read becomes int8 itself; the interpreter quantizes what it is given."""
    graph, consumers = state.float_graph, state.float_graph.consumers()
    for name in graph.inputs:
        readers = consumers.get(name, [])
        is_int8 = name in state.qparams and name not in state.selection.wide and name not in graph.outputs
        if is_int8 and readers and all(map(state.selection.has, readers)):
            state.types[name] = TensorType("int8", graph.types[name].shape, state.qparams[name])
            state.home.add(name)


def _lower_float(state: _State, node: Node) -> None:
    rule = node.op.quant or QuantRule()
    axes = dict(rule.weight_only) if state.selection.has_int8_weights(node) else {}
    if axes == {} and rule.weight is not None and state.selection.has_int8_weights(node):
        axes = {rule.weight: rule.weight_axis}
    inputs = []
    for position, name in enumerate(node.inputs):
        value = state.float_graph.constant(name) if name else None
        if name in state.own and value is not None and position in (rule.weight, *(p for p, _ in rule.weight_only)):
            inputs.append(state.constant(f"{name}.int8", quantize(value, state.own[name]), state.own[name]))
        elif position in axes and value is not None and value.dtype == np.float32:
            inputs.append(state.constant(f"{name}.int8", *weight_only(value, axes[position])))
        else:
            inputs.append(state.as_float(name) if name else "")
    if rule.weight in axes and rule.bias is not None:
        inputs.extend([""] * (rule.bias + 1 - len(inputs)))
        zeros = np.zeros(state.types[inputs[rule.weight]].ints[rule.weight_axis], np.float32)
        inputs[rule.bias] = inputs[rule.bias] or state.constant(f"{node.inputs[rule.weight]}.bias", zeros)
    state.nodes.append(Node(node.op, tuple(inputs), node.outputs, node.name))


def _variable(graph: Graph, node: Node) -> str:
    return next(name for name in node.inputs if name and graph.constant(name) is None)


def _lower_table(state: _State, node: Node, readers: int) -> None:
    """A Lookup; a chain of functions that nothing else reads becomes one table."""
    variable = _variable(state.float_graph, node)
    chain = state.chains.get(variable)
    is_apart = state.inside is not None and variable not in state.inside
    if chain is None or readers != 1 or is_apart or variable in state.float_graph.outputs:
        chain = _Chain(variable, lambda x: x, ())
    function = _as_function(state.float_graph, node)
    before = chain.function
    chain = _Chain(chain.source, lambda x: function(before(x)), (*chain.names, node.op_name))
    state.chains[node.outputs[0]] = chain
    source, name = state.as_int8(chain.source), node.outputs[0]
    steps = _STEPS[state.selection.dtype(chain.source)]
    with np.errstate(all="ignore"):
        real = chain.function(dequantize(steps, state.qparams[chain.source]))
    real = np.nan_to_num(real, posinf=3e38, neginf=-3e38)
    table, begin = quantize(real, state.qparams[name], state.selection.dtype(name)), 0
    if steps.size > 256:
        changes = np.flatnonzero(np.diff(table))
        begin, end = (int(changes[0]), int(changes[-1]) + 2) if changes.size else (0, 1)
        table = table[begin:end]
    constant = state.constant(f"{name}.table", table)
    state.settle(node)
    lookup = Lookup("|".join(chain.names), int(steps[begin]))
    state.nodes.append(Node(lookup, (source, constant), node.outputs, node.name))


def _as_function(graph: Graph, node: Node) -> Callable[[Array], Array]:
    constants = [None if not name else graph.constant(name) for name in node.inputs]
    scalars = [None if value is None else value.reshape(()) for value in constants]

    def function(x: Array) -> Array:
        arguments = [
            x if name and constant is None else constant for name, constant in zip(node.inputs, scalars, strict=True)
        ]
        result = node.op.run(*arguments)
        return np.asarray(result, np.float32)

    return function


def _lower_kernel(state: _State, node: Node) -> None:
    rule = node.op.quant or QuantRule()
    positions = activation_inputs(state.float_graph, node)
    inputs = [
        state.as_int8(name) if position in positions else (state.as_float(name) if name else "")
        for position, name in enumerate(node.inputs)
    ]
    if rule.weight is not None and state.float_graph.constant(node.inputs[rule.weight]) is not None:
        _place_weights(state, node, rule, inputs)
    for position, axis in rule.weight_only:
        value = state.float_graph.constant(node.inputs[position])
        assert value is not None
        inputs[position] = state.constant(f"{node.inputs[position]}.int8", *weight_only(value, axis))
    inputs.extend([""] * (rule.table_at - len(inputs)))
    state.settle(node)
    known = Inputs([state.types[name] if name else None for name in inputs])
    for table in node.op.tables(known, [state.types[name] for name in node.outputs if name]):
        inputs.append(state.constant(f"{node.outputs[0]}.table", table))
    state.nodes.append(Node(node.op, tuple(inputs), node.outputs, node.name))


def _place_weights(state: _State, node: Node, rule: QuantRule, inputs: list[str]) -> None:
    assert rule.weight is not None
    graph = state.float_graph
    weight = graph.constant(node.inputs[rule.weight])
    assert weight is not None
    has_bias = rule.bias is not None and rule.bias < len(node.inputs) and bool(node.inputs[rule.bias])
    bias = graph.constant(node.inputs[rule.bias]) if has_bias and rule.bias is not None else None
    scale_x = state.qparams[node.inputs[0]].scale[0]
    made = quantize_weights(weight, rule.weight_axis, bias, scale_x, state.own.get(node.inputs[rule.weight]))
    inputs[rule.weight] = state.constant(f"{node.inputs[rule.weight]}.int8", made.values, made.q)
    if rule.bias is not None:
        inputs.extend([""] * (rule.bias + 1 - len(inputs)))
        base = node.inputs[rule.bias] if has_bias else f"{node.inputs[rule.weight]}.bias"
        inputs[rule.bias] = state.constant(f"{base}.{made.bias.dtype.name}", made.bias)
