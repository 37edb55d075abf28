"""PyTorch modules through both of its exporters: the one on torch.export ("dynamo"), and the older one ("script").

A family of modules becomes one model, each module a part of its own: the newer exporter takes seconds for every model.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from edgeconv.core import Array
from tests.exports.exported import Exported
from tests.exports.torch_layers import FAMILIES, Layer

__all__ = ["EXPORTERS", "export", "members"]

EXPORTERS = ("dynamo", "script")
_OPSETS = {"dynamo": 18, "script": 17}


def members(family: str, exporter: str) -> tuple[Layer, ...]:
    """The layers of a family that an exporter can export."""
    return tuple(layer for layer in FAMILIES[family]() if layer.only in ("", exporter))


class _Family(nn.Module):
    """Modules side by side, each with inputs of its own."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(layer.make() for layer in layers)
        self.counts = [len(layer.shapes) for layer in layers]

    def forward(self, *xs: Tensor) -> tuple[Tensor, ...]:
        """The outputs of all modules in a row."""
        found: list[Tensor] = []
        for part, count in zip(self.parts, self.counts, strict=True):
            found += _flat(part(*xs[:count]))
            xs = xs[count:]
        return tuple(found)


def _flat(outputs: Any) -> list[Tensor]:
    if isinstance(outputs, Tensor):
        return [outputs]
    return [tensor for output in outputs for tensor in _flat(output)]


@cache
def export(family: str, exporter: str) -> Exported:
    """A family as ONNX, with its inputs; the outputs of a layer are called "name.0", "name.1", ..."""
    torch.manual_seed(0)
    layers = members(family, exporter)
    module = _Family(layers).eval()
    feeds = {f"{layer.name}.x{place}": x for layer in layers for place, x in enumerate(layer.inputs())}
    names = []
    for layer, part in zip(layers, module.parts, strict=True):
        with torch.no_grad():
            names += [f"{layer.name}.{place}" for place in range(len(_flat(part(*layer.inputs()))))]
    model = _exported(module, tuple(feeds.values()), exporter, input_names=list(feeds), output_names=names)
    read = {value.name for value in model.graph.input}
    arrays: dict[str, Array] = {name: x.numpy() for name, x in feeds.items() if name in read}
    return Exported(model, arrays, {})


def _exported(module: nn.Module, inputs: tuple[Tensor, ...], exporter: str, **names: Any) -> onnx.ModelProto:
    options = names | {"opset_version": _OPSETS[exporter]}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            program = torch.onnx.export(module, inputs, dynamo=True, verbose=False, **options)
            assert program is not None
            return program.model_proto
        target = io.BytesIO()
        torch.onnx.export(module, inputs, target, dynamo=False, **options)
        return onnx.load_from_string(target.getvalue())
