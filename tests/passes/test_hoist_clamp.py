"""hoist_clamp, and bounds behind a movement (fuse_clamp)."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.ops.clamp import Clamp
from edgeconv.passes.fuse_clamp import fuse_clamp
from edgeconv.passes.hoist_clamp import hoist_clamp
from tests.passes.building import graph_of, proved

IMAGE = "x:float[N,4,6,8]"


@pytest.mark.parametrize(("low", "high"), [(0, 127), (20, 200), (0, 255), (130, 255)])
def test_bounds_of_integers_become_bounds_of_real_values(low: int, high: int) -> None:
    body = "q = QuantizeLinear(x, scale, zero)\nc = Clip(q, low, high)\ny = DequantizeLinear(c, scale, zero)"
    values = {"scale": np.float32(0.0123), "zero": np.uint8(120), "low": np.uint8(low), "high": np.uint8(high)}
    after = proved(graph_of(IMAGE, body, **values), hoist_clamp)
    assert [node.op_name for node in after.nodes] == ["Clamp", "QuantizeLinear", "DequantizeLinear"]
    clamp = after.nodes[0].op
    assert isinstance(clamp, Clamp)
    assert np.isinf(clamp.low) == (low == 0)
    assert np.isinf(clamp.high) == (high == 255)


def test_bounds_of_integers_with_a_scale_for_each_channel_stay() -> None:
    body = "q = QuantizeLinear(x, scale, zero)\nc = Clip(q, low, high)\ny = DequantizeLinear(c, scale, zero)"
    scales = np.linspace(0.01, 0.02, 4).astype(np.float32)
    values = {"scale": scales, "zero": np.zeros(4, np.uint8), "low": np.uint8(0), "high": np.uint8(127)}
    graph = graph_of(IMAGE, body, **values)
    assert proved(graph, hoist_clamp).nodes == graph.nodes


@pytest.mark.parametrize("movement", ["Transpose <perm = [0, 2, 3, 1]> (a)", "Reshape(a, flat)"])
def test_bounds_behind_a_movement_go_into_the_layer(movement: str) -> None:
    body = f"a = Add(x, x)\nb = {movement}\ny = Relu(b)"
    after = proved(graph_of(IMAGE, body, flat=[-1, 192]), fuse_clamp)
    assert [node.op_name for node in after.nodes] == ["Add", movement.split(maxsplit=1)[0].split("(", maxsplit=1)[0]]


def test_bounds_behind_a_movement_that_others_read_stay() -> None:
    graph = graph_of(IMAGE, "a = Add(x, x)\nb = Reshape(a, flat)\ny = Relu(b)\nz = Neg(b)", "y, z", flat=[-1, 192])
    assert proved(graph, fuse_clamp).nodes == graph.nodes
