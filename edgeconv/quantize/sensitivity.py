"""Sensitivity: what each int8 activation costs the network's output, and what it would take to hold it wider.

Activations that share parameters are one group. A group's noise is what the output shows when it alone is rounded, on
simulated activations; groups are rated independently, in any executor. The noise of several adds up, nearly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

from edgeconv.core import Array, QParams
from edgeconv.export.program import to_program
from edgeconv.graph import Graph
from edgeconv.ops.base import Inputs
from edgeconv.quantize.assign import scale_roots
from edgeconv.quantize.refine.stepper import first_rows
from edgeconv.quantize.select import Selection, activation_inputs, is_table
from edgeconv.quantize.simulate import Simulation
from edgeconv.report.record import RaisedValue
from edgeconv.report.tasks import in_order
from edgeconv.runtime.interpreter import prepare_inputs
from edgeconv.runtime.planner import resolve_types
from edgeconv.runtime.program import ABSENT

if TYPE_CHECKING:
    from edgeconv.quantize.pipeline import Prepared

__all__ = [
    "FREE",
    "LEAST_NOISE",
    "RATING_ROWS",
    "Group",
    "Sensitivity",
    "cheap_values",
    "free_values",
    "groups_of",
    "int8_share",
    "macs_of",
    "narrow_groups",
    "sensitivities",
]

FREE = 0.002
"""Share of all multiply-accumulates up to which a group counts as one that nothing multiplies."""
_CHEAP = 0.03
"""Share of all multiply-accumulates that `cheap_values` may take out of int8, all together."""
LEAST_NOISE = 0.02
"""Share of the noise of all activations from which a group is worth 16 bits."""
RATING_ROWS = 8
_CHUNK = 4
"""Groups that one task of an executor rates; each task simulates the network once before."""


@dataclass(frozen=True)
class Group:
    """Values with the same parameters. Nodes are named by their first output.

    `multipliers`: the nodes that multiply the values; `touched`: all int8 nodes that read or write them.
    `can_be_int16`: each of these has a kernel for that.
    """

    names: tuple[str, ...]
    multipliers: frozenset[str]
    touched: frozenset[str]
    can_be_int16: bool


@dataclass(frozen=True)
class Sensitivity:
    """`noise`: mean squared error of the outputs, relative to their signal, when the group alone is rounded."""

    group: Group
    noise: float


def groups_of(prepared: Prepared) -> list[Group]:
    """All groups whose range calibration observed, in the order of the data."""
    graph, selection = prepared.graph, prepared.selection
    roots, producers = scale_roots(graph, selection), graph.producers()
    members: dict[str, list[str]] = {}
    for name in prepared.qparams:
        root = roots.get(name, name)
        rule = producers[root].op.quant if root in producers else None
        if graph.constant(root) is None and (rule is None or rule.output is None):
            members.setdefault(root, []).append(name)
    order = {name: at for at, name in enumerate([*graph.inputs, *producers])}
    return [_group(graph, selection, names) for _, names in sorted(members.items(), key=lambda item: order[item[0]])]


def narrow_groups(prepared: Prepared) -> list[Group]:
    """Those in 8 bits."""
    return [each for each in groups_of(prepared) if prepared.selection.wide.isdisjoint(each.names)]


def _group(graph: Graph, selection: Selection, names: Sequence[str]) -> Group:
    inside = set(names)
    multipliers, touched, is_possible = set(), set(), True
    for node in graph.nodes:
        reads = [i for i in activation_inputs(graph, node) if node.inputs[i] in inside]
        if not selection.has(node) or not (reads or inside.intersection(node.outputs)):
            continue
        touched.add(node.outputs[0])
        is_possible = is_possible and (bool(node.op.int16) or is_table(graph, node))
        is_layer = node.op.quant is not None and node.op.quant.weight is not None
        if reads and (reads[0] == 0 or not is_layer):
            multipliers.add(node.outputs[0])
    return Group(tuple(names), frozenset(multipliers), frozenset(touched), is_possible)


def free_values(prepared: Prepared, batch: Mapping[str, Array]) -> tuple[str, ...]:
    """The values that 16 bits cost nothing: nothing multiplies them, and kernels are as fast on them.

    What comes in and goes out stays int8.
    """
    graph, macs = prepared.graph, macs_of(prepared.graph, batch)
    most, ends = FREE * sum(macs.values()), {*graph.inputs, *graph.outputs}

    def is_free(group: Group) -> bool:
        taken = sum(macs[key] for key in group.multipliers)
        return group.can_be_int16 and taken <= most and ends.isdisjoint(group.names)

    return tuple(name for group in groups_of(prepared) if is_free(group) for name in group.names)


def cheap_values(prepared: Prepared, batch: Mapping[str, Array]) -> tuple[RaisedValue, ...]:
    """The values that harm the output most for the few multiply-accumulates that 16 bits cost with them.

    What goes out stays int8, and so does a state. Most harmful for its cost first.
    """
    graph, macs = prepared.graph, macs_of(prepared.graph, batch)
    total, ends = max(sum(macs.values()), 1), {*graph.outputs, *graph.states}
    narrow = narrow_groups(prepared)
    costs = {group: sum(macs[key] for key in group.multipliers) / total for group in narrow}
    open_to = [each for each in narrow if each.can_be_int16 and costs[each] <= _CHEAP and ends.isdisjoint(each.names)]
    if not open_to:
        return ()
    few = first_rows(graph, batch, RATING_ROWS)
    qparams = {name: prepared.qparams[name] for group in narrow for name in group.names}
    least = max(LEAST_NOISE * Simulation(graph, few, qparams).noise, 1e-30)
    noises = dict(zip(open_to, _noises((graph, few, qparams, [each.names for each in open_to])), strict=True))
    found, left = [], _CHEAP
    for group in sorted(open_to, key=lambda each: -noises[each] / (costs[each] + FREE)):
        if noises[group] >= least and costs[group] <= left:
            left -= costs[group]
            found.append(RaisedValue(group.names, "int16", -10 * log10(noises[group]), costs[group]))
    return tuple(found)


def int8_share(prepared: Prepared, macs: Mapping[str, int]) -> float:
    """Of all multiply-accumulates, as `macs_of` counts them, those whose factors are int8."""
    wide = set(groups_of(prepared)).difference(narrow_groups(prepared))
    left = prepared.selection.int8.difference(*(each.multipliers for each in wide))
    return sum(macs[key] for key in left) / max(sum(macs.values()), 1)


def macs_of(graph: Graph, batch: Mapping[str, Array]) -> dict[str, int]:
    """First output -> multiply-accumulates of each node of `graph` on `batch`."""
    program = to_program(graph)
    shapes = {i: a.shape for i, a in zip(program.inputs, prepare_inputs(program, batch), strict=True)}
    types = resolve_types(program, shapes)
    found = {}
    for node, step in zip(graph.nodes, program.steps, strict=True):
        inputs = Inputs([None if index == ABSENT else types[index] for index in step.inputs])
        found[node.outputs[0]] = step.op.macs(inputs, [types[index] for index in step.outputs if index != ABSENT])
    return found


def sensitivities(
    prepared: Prepared, batch: Mapping[str, Array], executor: Executor | None = None
) -> list[Sensitivity]:
    """The sensitivity of every group; `executor` rates several at once, in threads, processes or elsewhere."""
    groups = groups_of(prepared)
    qparams = {name: prepared.qparams[name] for group in groups for name in group.names}
    chunks = [groups[at : at + _CHUNK] for at in range(0, len(groups), _CHUNK)] if executor else [groups]
    tasks = [(prepared.graph, batch, qparams, [group.names for group in chunk]) for chunk in chunks]
    found = map(_noises, tasks) if executor is None else in_order(executor, _noises, tasks)
    noises = [noise for part in found for noise in part]
    return [Sensitivity(group, noise) for group, noise in zip(groups, noises, strict=True)]


def _noises(
    task: tuple[Graph, Mapping[str, Array], Mapping[str, QParams], Sequence[tuple[str, ...]]],
) -> list[float]:
    graph, batch, qparams, groups = task
    simulation = Simulation(graph, batch, {})
    return [simulation.noise_with({name: qparams[name] for name in names}) for names in groups]
