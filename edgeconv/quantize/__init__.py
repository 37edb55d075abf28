"""Floor 2: int8 post-training quantization of a simplified graph.

equalize -> select (which nodes) -> calibrate (statistics) -> assign (scales and zero points) -> lower (the int8 graph)
-> refine (weights and biases, layer by layer). A model that came quantized is adopted as it is (`adopt`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgeconv.core import Array
from edgeconv.graph import Graph, Node
from edgeconv.quantize.adopt import adopt, is_quantized
from edgeconv.quantize.assign import assign, observed_values
from edgeconv.quantize.calibrate import Progress, collect
from edgeconv.quantize.config import QuantConfig
from edgeconv.quantize.lower import lower
from edgeconv.quantize.observers import OBSERVERS
from edgeconv.quantize.refine.equalize import equalize
from edgeconv.quantize.refine.stepper import few_batches
from edgeconv.quantize.refine.walk import refine_layers
from edgeconv.quantize.select import excluded_nodes, protect_excluded, select

__all__ = [
    "OBSERVERS",
    "Progress",
    "QuantConfig",
    "float_nodes",
    "is_quantized",
    "keep_parameters",
    "protect_excluded",
    "quantize",
]


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
    few = few_batches(graph, samples) if config.refinements else []
    if "equalize" in config.refinements:
        graph = equalize(graph, few[:1])
    selection = select(graph, config)
    wanted = [name for name in observed_values(graph, selection) if graph.constant(name) is None]
    statistics = collect(graph, samples, wanted, progress)
    lowered = lower(graph, selection, assign(graph, selection, statistics, OBSERVERS[config.method]))
    if config.refinements:
        refine_layers(graph, lowered, few, config.refinements)
    return lowered


def keep_parameters(graph: Graph, config: QuantConfig | None = None) -> Graph:
    """The int8 form of a simplified graph that came quantized, with its own parameters.

    Of the options only the exclusions count. Raises UsageError for exclude patterns that match nothing.
    """
    return adopt(graph, excluded_nodes(graph, config or QuantConfig()))


def float_nodes(graph: Graph) -> list[tuple[Node, str]]:
    """The nodes of a quantized graph that compute in float, with the reason."""
    return [(n, graph.float_reasons[n.outputs[0]]) for n in graph.nodes if n.outputs[0] in graph.float_reasons]
