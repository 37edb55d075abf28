"""What to leave in float so that most of the harm is undone, as names to exclude and as a command to paste."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from edgeconv.data import PREPROCESSING, Preprocessing
from edgeconv.graph import Graph
from edgeconv.report.layer_sums import decibels
from edgeconv.report.layers import LayerFacts, Repair
from edgeconv.report.mixture import Remedy

__all__ = ["CALIB", "convert_command", "onnx_nodes", "repair_of"]

CALIB = "CALIB"
"""Stands for the calibration samples where nothing tells which they were."""

_REPEATED = ("exclude", "exclude_op")
_OPTION = "options."


def repair_of(
    remedy: Remedy | None,
    layers: Sequence[LayerFacts],
    original: Graph | None,
    values: Collection[str],
    command: Callable[[Iterable[str]], str],
) -> Repair | None:
    """The layers of a remedy as names of the ONNX model; None where there is none.

    layers: all of them. original: the graph of the ONNX file as imported, None without. values: names that the
    optimized graph still has. command: what to type, from the patterns to exclude.
    """
    if remedy is None:
        return None
    known = {layer.value: layer for layer in layers}
    worst = [known[site.value] for site in remedy.sites]
    exclude = tuple(dict.fromkeys(glob.escape(node) for layer in worst for node in _nodes(layer, original, values)))
    text = command(exclude)
    return Repair(
        layers=tuple(layer.name for layer in worst),
        exclude=exclude,
        sqnr_before=decibels(1.0, remedy.noise),
        sqnr_after=decibels(1.0, remedy.noise_after),
        samples=remedy.samples,
        command=text,
        is_complete=original is not None and CALIB not in shlex.split(text),
    )


def convert_command(
    model: str, target: str, calibration: str | None, metadata: Mapping[str, str], exclude: Iterable[str] = ()
) -> str:
    """`edgeconv convert` with the options that a file was made with, and more nodes excluded."""
    words = ["edgeconv", "convert", model, target, "--force", "--calib", calibration or CALIB]
    for key, value in sorted(metadata.items()):
        if key.startswith(_OPTION):
            name = key.removeprefix(_OPTION)
            for each in value.split(",") if name in _REPEATED else [value]:
                words += [f"--{name.replace('_', '-')}", each]
    words += (Preprocessing.from_json(metadata.get(PREPROCESSING, "")) or Preprocessing()).options()
    for pattern in exclude:
        words += ["--exclude", pattern]
    return shlex.join(words)


def onnx_nodes(graph: Graph, value: str, values: Collection[str]) -> tuple[str, ...]:
    """Names of the nodes of an imported graph from which `value` was fused, back to the `values` that are left."""
    producers = graph.producers()
    found: dict[str, None] = {}
    waiting = [value]
    while waiting:
        node = producers.get(waiting.pop())
        if node is None or (node.name or node.outputs[0]) in found:
            continue
        found[node.name or node.outputs[0]] = None
        waiting += [n for n in node.inputs if n and n not in values and graph.constant(n) is None]
    return tuple(reversed(found))


def _nodes(layer: LayerFacts, original: Graph | None, values: Collection[str]) -> tuple[str, ...]:
    found = () if original is None else onnx_nodes(original, layer.value, values)
    return found or (layer.name,)
