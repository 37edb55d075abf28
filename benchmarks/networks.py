"""Well-known networks at 224x224 as ONNX with random weights: how long they take does not depend on those.

Batch normalization is folded, as exporters leave it; weights are scaled so that activations neither vanish nor grow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from benchmarks.assets import Asset

__all__ = ["NETWORKS", "Network"]

_OPSET = 17


@dataclass(frozen=True)
class Network(Asset):
    """A model that is built, not loaded: `folder` is where."""

    folder: Path = field(default=Path())

    @property
    def path(self) -> Path:
        """The ONNX file, written when it is first asked for."""
        target = self.folder / f"{self.name}.onnx"
        if not target.exists():
            onnx.save(_BUILDERS[self.name](), target)
        return target

    def at(self, folder: Path) -> Network:
        """The same, to be built in `folder`."""
        return Network(self.name, self.input, self.shape, folder=folder)


NETWORKS = tuple(
    Network(name, "input", (3, 224, 224)) for name in ("mobilenet_v1_0.75_224", "mobilenet_v2_224", "resnet18_224")
)


class _Builder:
    """Nodes and weights of a network in the making; methods return the name of their output."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)
        self.channels = 3

    def conv(self, x: str, out: int, kernel: int, stride: int = 1, groups: int = 1, act: str = "") -> str:
        """Convolution with bias, padded to keep the size, and an activation ("relu", "relu6" or none)."""
        per_group = self.channels // groups
        gain = np.sqrt((2 if act else 1) / (per_group * kernel * kernel))
        weight = self._random.standard_normal((out, per_group, kernel, kernel)) * gain
        names = [self._weight(weight), self._weight(self._random.standard_normal(out) * 0.1)]
        pads = [kernel // 2] * 4
        attributes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": pads, "group": groups}
        self.channels = out
        return self._activated(self.node("Conv", x, *names, **attributes), act)

    def classifier(self, x: str, classes: int) -> str:
        """Mean over the map, and a linear layer."""
        flat = self.node("Flatten", self.node("GlobalAveragePool", x))
        weight = self._random.standard_normal((classes, self.channels)) / np.sqrt(self.channels)
        return self.node("Gemm", flat, self._weight(weight), self._weight(np.zeros(classes)), transB=1)

    def add(self, a: str, b: str, act: str = "") -> str:
        """a + b."""
        return self._activated(self.node("Add", a, b), act)

    def node(self, op: str, *inputs: str, **attributes: object) -> str:
        """Any node with one output."""
        name = f"{op.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def finish(self, output: str, classes: int) -> onnx.ModelProto:
        """The model, its batch size open."""
        kind = onnx.TensorProto.FLOAT
        given = helper.make_tensor_value_info("input", kind, ["N", 3, 224, 224])
        result = helper.make_tensor_value_info(output, kind, ["N", classes])
        graph = helper.make_graph(self._nodes, "network", [given], [result], self._weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
        onnx.checker.check_model(model)
        return model

    def _activated(self, x: str, act: str) -> str:
        if act == "relu6":
            return self.node("Clip", x, self._weight(np.array(0.0)), self._weight(np.array(6.0)))
        return self.node("Relu", x) if act else x

    def _weight(self, array: np.ndarray) -> str:
        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name


def _mobilenet_v1() -> onnx.ModelProto:
    """Howard et al. 2017, width 0.75: depthwise and pointwise convolutions in turn."""
    build = _Builder()
    x = build.conv("input", 24, 3, 2, act="relu6")
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for out, stride in plan:
        x = build.conv(x, build.channels, 3, stride, build.channels, "relu6")
        x = build.conv(x, out * 3 // 4, 1, act="relu6")
    return build.finish(build.classifier(x, 1000), 1000)


def _mobilenet_v2() -> onnx.ModelProto:
    """Sandler et al. 2018: inverted residual blocks (expansion, channels, repeats, stride)."""
    build = _Builder()
    x = build.conv("input", 32, 3, 2, act="relu6")
    rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, out, repeats, first_stride in rows:
        for repeat in range(repeats):
            stride, before, source = first_stride if repeat == 0 else 1, build.channels, x
            wide = before * expansion
            if expansion > 1:
                x = build.conv(x, wide, 1, act="relu6")
            x = build.conv(x, wide, 3, stride, wide, "relu6")
            x = build.conv(x, out, 1)
            if stride == 1 and before == out:
                x = build.add(source, x)
    x = build.conv(x, 1280, 1, act="relu6")
    return build.finish(build.classifier(x, 1000), 1000)


def _resnet18() -> onnx.ModelProto:
    """He et al. 2015: two 3x3 convolutions in each of eight residual blocks."""
    build = _Builder()
    x = build.conv("input", 64, 7, 2, act="relu")
    x = build.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for out in (64, 128, 256, 512):
        for block in range(2):
            stride, before, source = (2 if block == 0 and out > 64 else 1), build.channels, x
            x = build.conv(x, out, 3, stride, act="relu")
            x = build.conv(x, out, 3)
            if stride > 1:
                build.channels = before
                source = build.conv(source, out, 1, stride)
            x = build.add(x, source, "relu")
    return build.finish(build.classifier(x, 1000), 1000)


_BUILDERS = {
    "mobilenet_v1_0.75_224": _mobilenet_v1,
    "mobilenet_v2_224": _mobilenet_v2,
    "resnet18_224": _resnet18,
}
