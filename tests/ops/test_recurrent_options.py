"""Options of LSTM, GRU and RNN together, in all directions: ONNX Runtime judges, in the layout that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from edgeconv.core import Array
from edgeconv.export.edge import to_bytes
from edgeconv.export.program import to_program
from edgeconv.importer import load_onnx
from edgeconv.runtime import Interpreter
from tests.harness import Case, data, feeds_of, model_of, reference_outputs

T, N, FEATURES, H = 5, 3, 4, 6
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}
OPTIONS: dict[str, Mapping[str, Any]] = {
    "plain": {},
    "clip": {"clip": 0.4},
    "other functions": {"activations": True},
}


def _case(op: str, direction: str, options: Mapping[str, Any], with_lengths: bool) -> Case:
    """Every optional input that the operator has."""
    count, rows = DIRECTIONS[direction], GATES[op] * H
    inputs: list[Array | None] = [
        data(T, N, FEATURES),
        data(count, rows, FEATURES, seed=1, low=-1, high=1),
        data(count, rows, H, seed=2, low=-1, high=1),
        data(count, 2 * rows, seed=3, low=-1, high=1),
        np.array([5, 2, 4], np.int32) if with_lengths else None,
        data(count, N, H, seed=4, low=-1, high=1),
    ]
    if op == "LSTM":
        inputs += [data(count, N, H, seed=5, low=-1, high=1), data(count, 3 * H, seed=6, low=-1, high=1)]
    attributes: dict[str, Any] = {"hidden_size": H, "direction": direction, **options}
    if attributes.pop("activations", False):
        attributes["activations"] = {"LSTM": ["HardSigmoid", "Softsign", "Relu"], "GRU": ["HardSigmoid", "Relu"],
                                     "RNN": ["Softsign"]}[op] * count  # fmt: skip
    if op == "GRU":
        attributes["linear_before_reset"] = 1
    constants = tuple(place for place in (1, 2, 3, 7) if place < len(inputs))
    return Case("", op, inputs, attributes, constants, outputs=3 if op == "LSTM" else 2, dynamic=None)


@pytest.mark.parametrize("with_lengths", [False, True], ids=["whole", "lengths"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("op", GATES)
def test_all_options_in_both_layouts(op: str, direction: str, options: str, with_lengths: bool) -> None:
    case = _case(op, direction, OPTIONS[options], with_lengths)
    model, feeds = model_of(case), feeds_of(case)
    wanted = reference_outputs(model, feeds, "onnxruntime")
    for want, have in zip(wanted, Interpreter(to_bytes(to_program(load_onnx(model)))).run(None, feeds), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-5)
    node = model.graph.node[0]
    node.attribute.add(name="layout", type=2, i=1)
    for value in model.graph.input:
        if value.name in ("input0", "input5", "input6"):
            dims = value.type.tensor_type.shape.dim
            dims[0].dim_value, dims[1].dim_value = dims[1].dim_value, dims[0].dim_value
    turned = {name: array.swapaxes(0, 1) if array.ndim == 3 else array for name, array in feeds.items()}
    found = Interpreter(to_program(load_onnx(model))).run(None, turned)
    np.testing.assert_allclose(found[0].transpose(1, 2, 0, 3), wanted[0], rtol=1e-5, atol=1e-5)
    for want, have in zip(wanted[1:], found[1:], strict=True):
        np.testing.assert_allclose(have.swapaxes(0, 1), want, rtol=1e-5, atol=1e-5)
