"""Floor 2: int8 post-training quantization of a simplified graph.

select (which nodes) -> calibrate (statistics) -> assign (scales and zero points) -> lower (the int8 graph).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgeconv.core import Array
from edgeconv.graph import Graph, Node
from edgeconv.quantize.assign import assign, observed_values
from edgeconv.quantize.calibrate import Progress, collect
from edgeconv.quantize.config import QuantConfig
from edgeconv.quantize.lower import lower
from edgeconv.quantize.observers import OBSERVERS
from edgeconv.quantize.select import Selection, activation_inputs, select

__all__ = ["OBSERVERS", "Progress", "QuantConfig", "float_nodes", "quantize"]


def quantize(
    graph: Graph,
    samples: Iterable[Mapping[str, Array]],
    config: QuantConfig | None = None,
    progress: Progress | None = None,
) -> Graph:
    """The int8 form of a simplified float graph, calibrated on `samples` (batches: input name -> array).

    Raises UsageError for exclude patterns that match nothing, DataError for samples that cannot be used.
    """
    config = config or QuantConfig()
    selection = select(graph, config)
    axes = _channel_axes(graph, selection) if config.bias_correction else {}
    wanted = {name: axes.get(name) for name in observed_values(graph, selection) if graph.constant(name) is None}
    statistics = collect(graph, samples, wanted, progress)
    qparams = assign(graph, selection, statistics, OBSERVERS[config.method])
    means = {name: seen.channel_mean for name, seen in statistics.items() if name in axes}
    return lower(graph, selection, qparams, {name: mean for name, mean in means.items() if mean is not None})


def float_nodes(graph: Graph) -> list[tuple[Node, str]]:
    """The nodes of a quantized graph that compute in float, with the reason."""
    return [(n, graph.float_reasons[n.outputs[0]]) for n in graph.nodes if n.outputs[0] in graph.float_reasons]


def _channel_axes(graph: Graph, selection: Selection) -> dict[str, int]:
    """Inputs of int8 nodes with weights -> the axis of their channels."""
    found: dict[str, int] = {}
    for node in graph.nodes:
        rule = node.op.quant
        if selection.has(node) and rule is not None and rule.weight is not None:
            found.setdefault(node.inputs[activation_inputs(graph, node)[0]], node.op.channel_axis)
    return found
