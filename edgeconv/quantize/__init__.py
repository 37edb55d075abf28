"""Floor 2: int8 post-training quantization of a simplified graph; see `pipeline` for its steps.

A model that came quantized is adopted with its own parameters, see `adopt`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor

from edgeconv.core import Array
from edgeconv.graph import Graph, Node
from edgeconv.quantize.adopt import adopt, is_quantized
from edgeconv.quantize.best import quantize_best
from edgeconv.quantize.config import AUTO, EFFORTS, QuantConfig
from edgeconv.quantize.observers import OBSERVERS
from edgeconv.quantize.pipeline import Progress, Quantized, quantize_once
from edgeconv.quantize.select import excluded_nodes, protect_excluded, select
from edgeconv.quantize.store import NARROW, store_weights
from edgeconv.report.record import LayerChoice, RefinementRecord, Trial

__all__ = [
    "AUTO",
    "EFFORTS",
    "NARROW",
    "OBSERVERS",
    "LayerChoice",
    "Progress",
    "QuantConfig",
    "Quantized",
    "RefinementRecord",
    "Trial",
    "float_nodes",
    "is_quantized",
    "keep_parameters",
    "protect_excluded",
    "quantize",
    "quantize_recorded",
    "select",
    "store_narrow",
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
    return quantize_recorded(graph, samples, config, progress).graph


def quantize_recorded(
    graph: Graph,
    samples: Iterable[Mapping[str, Array]],
    config: QuantConfig | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Quantized:
    """As `quantize`, with the record of what was tried, taken and undone. `samples` may be iterated several times.

    `executor`: tries several ways at once, with the same result.
    """
    config = config or QuantConfig()
    if config.effort == "best":
        return quantize_best(graph, samples, config, progress, executor)
    return quantize_once(graph, samples, config, progress)


def keep_parameters(graph: Graph, config: QuantConfig | None = None) -> Graph:
    """The int8 form of a simplified graph that came quantized, with its own parameters.

    Of the options only the exclusions count. Raises UsageError for exclude patterns that match nothing.
    """
    return adopt(graph, excluded_nodes(graph, config or QuantConfig()))


def store_narrow(graph: Graph, precision: str, config: QuantConfig | None = None) -> Graph:
    """A simplified graph with its weights stored as `precision` says (one of NARROW), computing in float.

    Of the options only the exclusions count. Raises UsageError for exclude patterns that match nothing.
    """
    return store_weights(graph, precision, excluded_nodes(graph, config or QuantConfig()))


def float_nodes(graph: Graph) -> list[tuple[Node, str]]:
    """The nodes of a quantized graph that compute in float, with the reason."""
    return [(n, graph.float_reasons[n.outputs[0]]) for n in graph.nodes if n.outputs[0] in graph.float_reasons]
