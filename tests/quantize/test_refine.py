"""Refinements: each does what it claims, on layers made so that it matters."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from edgeconv.core import Array, Dim, TensorType
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.ops.base import Ref
from edgeconv.ops.conv import Conv
from edgeconv.quantize import QuantConfig, quantize, quantize_recorded
from edgeconv.quantize.refine.columns import moments
from edgeconv.quantize.refine.equalize import equalize
from edgeconv.quantize.refine.gptq import inverse_factor, round_with_compensation
from edgeconv.quantize.refine.layer import Candidate, LayerData, candidates, error_of, output_of
from edgeconv.quantize.refine.least_squares import fit_weights
from edgeconv.quantize.refine.parts import columns_in_parts, joined, weight_in_parts
from edgeconv.quantize.refine.stepper import Stepper
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr
from tests.quantize.test_raw_features import lstm


def correlated(groups: int, size: int, count: int = 4000) -> Array:
    """Columns (groups, size, count) whose rows are strongly correlated."""
    rng = np.random.default_rng(5)
    return rng.normal(size=(groups, size, 3)) @ rng.normal(size=(groups, 3, count)) + 0.05 * rng.normal(
        size=(groups, size, count)
    )


@pytest.mark.parametrize("size", [9, 150])
def test_gptq_beats_nearest_rounding_on_correlated_inputs(size: int) -> None:
    x, weight = correlated(2, size), data(2, 5, size)
    hessian = x @ x.transpose(0, 2, 1) / x.shape[2]
    scales = np.abs(weight).max(axis=2) / 7  # coarse, so that rounding is what matters

    def error(integers: Array) -> float:
        return float(np.square((integers * scales[:, :, None] - weight) @ x).mean())

    compensated = round_with_compensation(weight, scales, inverse_factor(hessian))
    assert compensated.dtype == np.int8
    assert error(compensated) < 0.3 * error(np.rint(weight / scales[:, :, None]))


def test_gptq_with_independent_inputs_is_nearest_rounding() -> None:
    weight = data(1, 4, 12)
    scales = np.abs(weight).max(axis=2) / 127
    found = round_with_compensation(weight, scales, inverse_factor(np.eye(12)[None]))
    np.testing.assert_array_equal(found, np.rint(weight / scales[:, :, None]))


def test_least_squares_undoes_a_systematic_error_of_the_input() -> None:
    x, weight = correlated(1, 8), data(1, 3, 8)
    wrong = 0.9 * x
    hessian = wrong @ wrong.transpose(0, 2, 1) / x.shape[2]
    difference = (x - wrong) @ wrong.transpose(0, 2, 1) / x.shape[2]
    fitted = fit_weights(weight, difference, hessian)
    assert np.square(fitted @ wrong - weight @ x).mean() < 0.2 * np.square(weight @ wrong - weight @ x).mean()


def test_the_parts_of_a_layer_with_very_many_inputs_add_up_to_it() -> None:
    weight, columns = data(2, 3, 9217).astype(np.float64), data(2, 9217, 5, seed=1).astype(np.float64)
    parts, pieces = weight_in_parts(weight), columns_in_parts(columns)
    assert parts.shape == (6, 3, 3073) and pieces.shape == (6, 3073, 5)
    total = np.matmul(parts, pieces).reshape(2, 3, 3, 5).sum(axis=1)
    np.testing.assert_allclose(total, weight @ columns, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(joined(parts, weight.shape), weight)


def test_gptq_in_parts_beats_nearest_rounding() -> None:
    size = 4700
    x, weight = correlated(1, size, 60).astype(np.float32), data(1, 3, size).astype(np.float64)
    layer = LayerData(weight, np.zeros((1, 3)), 0.01, -inf, inf, moments(x, x))
    assert layer.moments.hessian.shape == (2, size // 2, size // 2)
    scales = np.abs(weight).max(axis=2) / 127
    plain = Candidate("nearest", np.rint(weight / scales[:, :, None]), scales, np.zeros((1, 3)))
    wanted = output_of(layer, weight, layer.bias, x)
    errors = {each.name: error_of(each, layer, wanted, x) for each in candidates(layer, plain, ("gptq",))}
    assert errors["gptq"] < 0.3 * errors["nearest"]


def two_convs(depthwise: bool, batch: Dim = 6) -> Graph:
    """Conv -> Relu -> Conv, the channels between them a thousand times apart."""
    emitter = Emitter({"x": TensorType("float32", (batch, 3, 8, 8))})
    spread = np.logspace(0, 3, 4, dtype=np.float32)
    first = Conv((1, 1), (1, 1, 1, 1), (1, 1), low=0.0)(
        Ref("x", emitter.types["x"]), data(4, 3, 3, 3) * spread.reshape(-1, 1, 1, 1), spread / 2
    )
    groups = 4 if depthwise else 1
    weight = data(4, 4 // groups, 3, 3, seed=1)
    weight = weight / (spread.reshape(-1, 1, 1, 1) if depthwise else spread.reshape(1, -1, 1, 1))
    emitter.emit([first], ["h"], "first")
    second = Conv((1, 1), (0, 0, 0, 0), (1, 1), groups)(Ref("h", first.type), weight, data(4))
    emitter.emit([second], ["y"], "second")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


@pytest.mark.parametrize("depthwise", [False, True])
def test_equalization_keeps_the_function_and_helps_int8(depthwise: bool) -> None:
    graph, x = two_convs(depthwise), data(6, 3, 8, 8)
    reference = Interpreter(to_program(graph))(x)
    equal = equalize(graph, [{"x": x}])
    assert sqnr(reference, Interpreter(to_program(equal))(x)) > 110
    plain, better = (
        sqnr(reference, Interpreter(to_program(quantize(g, [{"x": x}], QuantConfig(refinements=()))))(x))
        for g in (graph, equal)
    )
    assert better > plain + 10


def test_equalization_leaves_an_output_alone() -> None:
    graph = two_convs(depthwise=True)
    graph.outputs = ["h", "y"]
    x = data(6, 3, 8, 8)
    for want, have in zip(
        Interpreter(to_program(graph))(x), Interpreter(to_program(equalize(graph, [{"x": x}])))(x), strict=True
    ):
        np.testing.assert_array_equal(want, have)


def test_a_refinement_is_taken_only_where_it_helps() -> None:
    graph, batches = two_convs(depthwise=False), [{"x": data(6, 3, 8, 8, seed=s)} for s in range(5)]
    held = data(6, 3, 8, 8, seed=9)
    reference = Interpreter(to_program(graph))(held)
    found = [
        sqnr(reference, Interpreter(to_program(quantize(graph, batches, QuantConfig(refinements=refinements))))(held))
        for refinements in ((), ("bias",), ("bias", "gptq"), ("bias", "gptq", "fit"))
    ]
    assert found == sorted(found)


def test_rounding_of_recurrent_weights_is_judged_by_held_back_samples() -> None:
    """Those of another size than all others: their outputs are what errors are told beside."""
    batches = [{"x": (9.0 if seed == 3 else 0.1) * data(5, 20, 5, seed=seed)} for seed in range(4)]
    (choice,) = quantize_recorded(lstm(), batches, QuantConfig("mse", refinements=("gptq",))).record.layers
    assert list(choice.errors) == ["nearest", "gptq"]
    assert choice.errors[choice.taken] == min(choice.errors.values())
    held = Interpreter(to_program(lstm()))(batches[3]["x"])
    assert choice.signal == pytest.approx(float(np.square(held).mean()), rel=1e-4)


def test_stepper_frees_what_nobody_reads_any_more() -> None:
    stepper = Stepper(two_convs(depthwise=False), {"x": data(6, 3, 8, 8)})
    stepper.advance_to("y")
    np.testing.assert_array_equal(stepper.value("h") >= 0, True)
    stepper.advance()
    with pytest.raises(KeyError):
        stepper.value("h")
    assert stepper.pending is None
