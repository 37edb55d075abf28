"""A stand-in for networks that one may not redistribute: depthwise layers whose channels differ by orders of magnitude.

As in MobileNetV1 with its BatchNorms folded, int8 loses much of it without equalization and corrected biases.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.dims import symbol
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.base import Expr, Ref
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.reduce import ReduceMean

__all__ = ["images", "stand_in"]

SIZE = 32
_CHANNELS = (16, 24, 24, 32, 32, 48, 48, 64)
_SPREAD = 1.2
"""Standard deviation of the logarithm of the channels' scales."""


def images(count: int, seed: int) -> Array:
    """Smooth random images, float32 (count, 3, 32, 32)."""
    coarse = np.random.default_rng(seed).normal(size=(count, 3, 8, 8))
    fine = np.kron(coarse, np.ones((1, 1, 4, 4)))
    smooth = sum(np.roll(fine, (i, j), (2, 3)) for i in range(4) for j in range(4))
    return (np.asarray(smooth) / 16).astype(np.float32)


def stand_in(seed: int = 0) -> Graph:
    """x (N, 3, 32, 32) -> y (N, 10), weights drawn at random."""
    rng = np.random.default_rng(seed)
    emitter = Emitter({"x": TensorType("float32", (symbol("N"), 3, SIZE, SIZE))})
    x, scale, before = Ref("x", emitter.types["x"]), np.ones(3), 3
    for number, channels in enumerate(_CHANNELS):
        stride = 2 if number in (0, 3, 5) else 1
        if number:
            x, scale = _layer(emitter, rng, f"depthwise{number}", x, scale, before, before, stride)
        x, scale = _layer(emitter, rng, f"pointwise{number}", x, scale, channels, 1, 1)
        before = channels
    pooled = ReduceMean((2, 3), keep_dims=False)(x)
    emitter.emit([pooled], ["pooled"], "pool")
    weight = rng.normal(size=(before, 10)) / scale[:, None] / np.sqrt(before)
    dense = Dense()(Ref("pooled", pooled.type), weight.astype(np.float32), rng.normal(size=10).astype(np.float32))
    emitter.emit([dense], ["y"], "dense")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def _layer(
    emitter: Emitter, rng: np.random.Generator, name: str, x: Ref, scale: Array, channels: int, groups: int, stride: int
) -> tuple[Ref, Array]:
    """One convolution with Relu; its channels are `scale` too large, which its weights undo, and new scales come."""
    kernel = 3 if groups > 1 else 1
    per_group = len(scale) // groups
    fresh = np.exp(_SPREAD * rng.normal(size=channels))
    weight = rng.normal(size=(channels, per_group, kernel, kernel)) / np.sqrt(per_group * kernel * kernel / 2)
    undone = weight / (scale.reshape(groups, per_group, 1, 1) if groups > 1 else scale.reshape(1, -1, 1, 1))
    bias = 0.3 * rng.normal(size=channels)
    scaled = [(undone * fresh.reshape(-1, 1, 1, 1)).astype(np.float32), (bias * fresh).astype(np.float32)]
    pad = kernel // 2
    result: Expr = Conv((stride, stride), (pad,) * 4, (1, 1), groups, low=0.0)(x, *scaled)
    made = emitter.emit([result], [name], name)
    return made[name], fresh
