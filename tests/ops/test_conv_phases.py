"""The ways taps are laid out, in phases, by elements or without gaps: the same bytes, for every kind of window."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.core import TensorType
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops import im2col
from edgeconv.ops.base import Ref
from edgeconv.ops.conv import Conv
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.runtime import Interpreter
from tests.harness import data
from tests.ops.test_products_int8 import check_conv

WINDOWS = [
    # x, weight, strides, pads, groups
    ((2, 6, 9, 11), (6, 1, 3, 3), (2, 2), (1, 1, 1, 1), 6),
    ((1, 6, 8, 8), (12, 1, 3, 3), (2, 2), (0, 0, 1, 1), 6),
    ((1, 4, 13, 9), (8, 2, 5, 4), (3, 2), (2, 0, 1, 3), 2),
    ((1, 3, 17, 16), (5, 3, 7, 7), (2, 2), (3, 3, 3, 3), 1),
    ((1, 3, 9, 20), (4, 3, 1, 5), (2, 2), (0, 2, 0, 2), 1),
    ((1, 4, 12, 7), (4, 1, 3, 3), (2, 1), (1, 1, 1, 1), 4),
    ((2, 5, 31), (5, 1, 5), (3,), (1, 2), 5),
    ((1, 2, 6, 7, 8), (4, 2, 3, 3, 3), (2, 2, 2), (1, 1, 1, 1, 1, 1), 1),
    ((2, 4, 7, 6), (8, 2, 3, 3), (1, 1), (1, 1, 1, 1), 2),
    ((1, 3, 5, 9), (4, 3, 2, 5), (1, 1), (0, 3, 1, 1), 1),
    ((1, 2, 4, 5, 6), (4, 2, 3, 1, 3), (1, 1, 1), (1, 0, 1, 1, 0, 1), 1),
]


@pytest.fixture(params=["phases", "elements", "gapless"])
def layout(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(im2col, "WORTH_PHASES", 0 if request.param == "phases" else 1 << 60)
    monkeypatch.setattr(im2col, "WORTH_GAPLESS", 0 if request.param == "gapless" else 1 << 60)


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("small_blocks", [False, True])
@pytest.mark.parametrize(("x_shape", "shape", "strides", "pads", "groups"), WINDOWS)
def test_int8_sums_are_those_of_the_definition(
    x_shape: tuple[int, ...],
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    groups: int,
    small_blocks: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if small_blocks:
        monkeypatch.setattr(im2col, "BLOCK_BYTES", 1 << 10)
        monkeypatch.setattr(im2col, "KEPT_CELLS", 0)
    check_conv(Conv(strides, pads, (1,) * len(strides), groups), x_shape, shape)


def block() -> Graph:
    """x -> a (strided) -> b, plus a -> y: maps with margins on both sides of every layer."""
    emitter = Emitter({"x": TensorType("float32", (2, 3, 14, 14))})

    def layer(name: str, source: str, stride: int, low: float, *residual: str) -> None:
        x, *more = (Ref(each, emitter.types[each]) for each in (source, *residual))
        weight = data(16, x.type.ints[1], 3, 3, seed=len(name + source))
        made = Conv((stride, stride), (1, 1, 1, 1), (1, 1), low=low)(x, weight, data(16), *more)
        emitter.emit([made], [name], name)

    layer("a", "x", 2, 0.0)
    layer("b", "a", 1, 0.0)
    layer("y", "b", 1, -np.inf, "a")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def test_layers_without_gaps_between_layers_with_margins(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, x = block(), data(2, 3, 14, 14)
    kinds = [to_program(each) for each in (graph, quantize(graph, [{"x": x}], QuantConfig(refinements=())))]
    wanted = [Interpreter(program)(x) for program in kinds]
    monkeypatch.setattr(im2col, "WORTH_GAPLESS", 0)
    found = [Interpreter(program)(x) for program in kinds]
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(found[1], wanted[1])
