"""From a float graph to an int8 one: what becomes int8, what stays in float and why, and the borders between."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from edgeconv.core import TensorType
from edgeconv.errors import DataError, UsageError
from edgeconv.export.program import to_program
from edgeconv.graph import Emitter, Graph
from edgeconv.importer import load_onnx
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Call, Ref
from edgeconv.ops.clamp import Clamp
from edgeconv.ops.conv import Conv
from edgeconv.ops.dense import Dense
from edgeconv.ops.matmul import MatMul
from edgeconv.ops.mul import Div
from edgeconv.ops.pad import Pad
from edgeconv.ops.reshape import Reshape
from edgeconv.ops.softmax import Softmax
from edgeconv.ops.transpose import Transpose
from edgeconv.passes import simplify
from edgeconv.quantize import QuantConfig, float_nodes, protect_excluded, quantize
from edgeconv.runtime import Interpreter
from tests.harness import data, sqnr
from tests.ops.test_dynamic_shapes import BATCH_VECTOR, INTS, Nodes, model_with

X = data(8, 3, 6, 6)


def conv(x: Ref | Call, seed: int = 0, bias: float = 0.0) -> Call:
    weight = data(4, x.type.shape[1], 3, 3, seed=seed)
    return Conv((1, 1), (1, 1, 1, 1), (1, 1))(x, weight, np.full(4, bias, np.float32))


def graph_of(*steps: tuple[str, Call]) -> Graph:
    emitter = Emitter({"x": TensorType("float32", (8, 3, 6, 6))})
    for name, call in steps:
        emitter.emit([call], [name], name)
    return Graph(emitter.nodes, emitter.types, ["x"], [steps[-1][0]])


x = Ref("x", TensorType("float32", (8, 3, 6, 6)))
C1 = conv(x)
C1_REF = Ref("c1", C1.type)
C2 = conv(C1_REF, seed=1)
C2_REF = Ref("c2", C2.type)


def outputs(graph: Graph) -> np.ndarray:
    found: np.ndarray = Interpreter(to_program(graph))(X)
    return found


def test_a_residual_block_is_int8_from_end_to_end() -> None:
    graph = graph_of(("c1", C1), ("c2", C2), ("y", Add(low=0.0)(C1_REF, C2_REF)))
    lowered = quantize(graph, [{"x": X}], QuantConfig(refinements=("bias",)))
    assert [node.op_name for node in lowered.nodes] == ["Conv", "Conv", "Add"]
    assert lowered.types["x"].dtype == lowered.types["y"].dtype == "int8"
    assert not float_nodes(lowered)
    assert sqnr(outputs(graph), outputs(lowered)) > 30


def test_an_excluded_node_stays_in_float_between_dequantize_and_quantize() -> None:
    graph = graph_of(("c1", C1), ("c2", C2), ("y", conv(C2_REF, seed=2)))
    lowered = quantize(graph, [{"x": X}], QuantConfig(exclude=("c2",)))
    assert [node.op_name for node in lowered.nodes] == ["Conv", "Dequantize", "Conv", "Quantize", "Conv"]
    assert [(node.name, reason) for node, reason in float_nodes(lowered)] == [("c2", "excluded by 'c2'")]
    assert sqnr(outputs(graph), outputs(lowered)) > 30


def test_exclusion_by_operator_type_and_pattern() -> None:
    graph = graph_of(("c1", C1), ("c2", C2), ("y", Add()(C1_REF, C2_REF)))
    assert [n.op_name for n, _ in float_nodes(quantize(graph, [{"x": X}], QuantConfig(exclude_op=("conv",))))] == [
        "Conv",
        "Conv",
    ]
    assert len(float_nodes(quantize(graph, [{"x": X}], QuantConfig(exclude=("c*",))))) == 2


@pytest.mark.parametrize("config", [QuantConfig(exclude=("c3",)), QuantConfig(exclude_op=("Conf",))])
def test_a_pattern_that_matches_nothing_names_near_ones(config: QuantConfig) -> None:
    with pytest.raises(UsageError, match=r"matches no node; near names: .*(c1|Conv)"):
        quantize(graph_of(("c1", C1), ("c2", C2)), [{"x": X}], config)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UsageError, match="choose from auto, mse, minmax, percentile, entropy"):
        QuantConfig(method="guess")


def test_a_chain_of_functions_becomes_one_table() -> None:
    ref = Ref("c1", C1.type)
    add = Add()(ref, np.float32(3).reshape(1))
    graph = graph_of(("c1", C1), ("a", add), ("y", Clamp(0, 6)(Ref("a", add.type))))
    lowered = quantize(graph, [{"x": X}])
    assert [getattr(node.op, "function", "") for node in lowered.nodes][1:] == ["Add|Clamp"]
    assert sqnr(outputs(graph), outputs(lowered)) > 30


def test_moved_data_keeps_its_scale() -> None:
    turned = Transpose((0, 2, 3, 1))(C1_REF)
    graph = graph_of(("c1", C1), ("t", turned), ("y", Reshape((0, -1))(Ref("t", turned.type))))
    lowered = quantize(graph, [{"x": X}])
    assert lowered.types["c1"].q == lowered.types["t"].q == lowered.types["y"].q
    assert sqnr(outputs(graph), outputs(lowered)) > 30


def test_an_output_that_is_a_weight_stays_as_it_is() -> None:
    text = """<ir_version: 8, opset_import: ["" : 13]> agraph (float[N,3] x) =>
        (float[N,2] y, float[3,2] w, float[3,2] v)
        <float[3,2] w = {1, -2, 0.25, 3, -0.5, 7}> { y = MatMul (x, w)  v = Identity (w) }"""
    graph = simplify(load_onnx(onnx.parser.parse_model(text)))
    x = data(9, 3)
    want = Interpreter(to_program(graph)).run(None, {"x": x})
    y, *same = Interpreter(to_program(quantize(graph, [{"x": x}]))).run(None, {"x": x})
    assert sqnr(want[0], y) > 30
    assert all(np.array_equal(each, [[1, -2], [0.25, 3], [-0.5, 7]]) for each in (*same, *want[1:]))


def test_a_dead_channel_with_a_bias_keeps_its_bias() -> None:
    weight, bias = data(4, 3, 3, 3), np.array([0.5, -0.25, 100.0, 1e-3], np.float32)
    weight[2] = 0
    graph = graph_of(("y", Conv((1, 1), (0, 0, 0, 0), (1, 1))(x, weight, bias)))
    lowered = quantize(graph, [{"x": X}])
    found = outputs(lowered)[:, 2]
    q = lowered.types["y"].q
    assert q is not None
    np.testing.assert_allclose(found, 100.0, atol=q.scale[0] * 0.51)


def test_bias_correction_takes_the_mean_error_away() -> None:
    weight = data(16, 3, 1, 1) * np.array([1.0, 1e-3, 1e-3], np.float32).reshape(1, 3, 1, 1)
    graph = graph_of(("y", Conv((1, 1), (0, 0, 0, 0), (1, 1))(x, weight)))
    shifted = (X + np.array([0, 40, 40], np.float32).reshape(1, 3, 1, 1)).astype(np.float32)
    reference = Interpreter(to_program(graph))(shifted)

    def mean_error(corrected: bool) -> float:
        lowered = quantize(graph, [{"x": shifted}], QuantConfig(refinements=("bias",) if corrected else ()))
        found = Interpreter(to_program(lowered))(shifted)
        return float(np.abs((found - reference).mean(axis=(0, 2, 3))).mean())

    assert mean_error(True) < 0.5 * mean_error(False)


def test_dense_with_bias() -> None:
    flat = Reshape((0, -1))(x)
    graph = graph_of(("f", flat), ("y", Dense()(Ref("f", flat.type), data(108, 5), data(5))))
    lowered = quantize(graph, [{"x": X}])
    assert lowered.types["x"].dtype == "int8"
    assert sqnr(outputs(graph), outputs(lowered)) > 30


def test_no_sample_is_an_error() -> None:
    with pytest.raises(DataError, match="no calibration sample"):
        quantize(graph_of(("c1", C1)), [])


@pytest.mark.filterwarnings("ignore:overflow")
def test_infinity_inside_the_network_is_an_error() -> None:
    with pytest.raises(DataError, match="NaN or infinity in 'c1'"):
        quantize(graph_of(("c1", C1)), [{"x": X * np.float32(1e38)}])


def test_standardised_raw_features_stay_in_float_before_the_first_layer() -> None:
    features = data(64, 6) * np.array([1e-3, 1, 1, 10, 1e3, 1e4], np.float32)
    source = Ref("x", TensorType("float32", (64, 6)))
    mean, spread = features.mean(axis=0), features.std(axis=0)
    graph = onnx_chain(source, mean, spread)
    lowered = quantize(simplify(graph), [{"x": features}])
    assert [node.op_name for node in lowered.nodes] == ["BatchNorm", "Quantize", "Dense"]
    assert [reason.split(",")[0] for _, reason in float_nodes(lowered)] == ["it brings raw input features to one scale"]
    want, have = (Interpreter(to_program(g))(features) for g in (graph, lowered))
    assert sqnr(want, have) > 35


def onnx_chain(source: Ref, mean: np.ndarray, spread: np.ndarray) -> Graph:
    """(x - mean) / spread, then a Dense layer: Sub, Div, Dense."""
    emitter = Emitter({"x": source.type})
    shifted = Sub()(source, mean)
    emitter.emit([shifted], ["s"], "sub")
    scaled = Div()(Ref("s", shifted.type), spread)
    emitter.emit([scaled], ["d"], "div")
    emitter.emit([Dense()(Ref("d", scaled.type), data(6, 5), data(5))], ["y"], "dense")
    return Graph(emitter.nodes, emitter.types, ["x"], ["y"])


def test_excluded_nodes_are_not_fused_away() -> None:
    graph = onnx_chain(Ref("x", TensorType("float32", (64, 6))), np.ones(6, np.float32), np.full(6, 2, np.float32))
    config = QuantConfig(exclude=("sub",))
    assert [node.op_name for node in simplify(graph).nodes] == ["Dense"]
    protected = simplify(protect_excluded(graph, config))
    assert [node.op_name for node in protected.nodes] == ["Sub", "Dense"]
    lowered = quantize(protected, [{"x": data(64, 6)}], config)
    assert [(node.name, reason) for node, reason in float_nodes(lowered)] == [("sub", "excluded by 'sub'")]


@pytest.mark.parametrize("lowest", [-np.inf, -3.4e38, -1e4])
def test_masked_scores_stay_in_float(lowest: float) -> None:
    mask = np.triu(np.full((6, 6), lowest, np.float32), 1)
    scores = MatMul()(Ref("x", TensorType("float32", (2, 6, 6))), Ref("y", TensorType("float32", (2, 6, 6))))
    emitter = Emitter({name: TensorType("float32", (2, 6, 6)) for name in ("x", "y")})
    emitter.emit([Softmax(2)(Add()(scores, mask))], ["p"], "attention")
    graph = Graph(emitter.nodes, emitter.types, ["x", "y"], ["p"])
    feeds = {"x": data(2, 6, 6), "y": data(2, 6, 6, seed=1)}
    lowered = quantize(simplify(graph), [feeds], QuantConfig(method="minmax"))
    assert {node.op_name for node, _ in float_nodes(lowered)} == {"Add", "Softmax"}
    assert "MatMul" not in {node.op_name for node, _ in float_nodes(lowered)}
    (want,), (have,) = (Interpreter(to_program(each)).run(None, feeds) for each in (graph, lowered))
    assert sqnr(want, have) > 35


def test_a_mask_cut_to_the_length_at_hand_is_a_mask() -> None:
    nodes: Nodes = [
        *BATCH_VECTOR,
        ("Concat", "batch batch", "ends", {"axis": 0}),
        ("Slice", "mask starts ends", "part"),
        ("Transpose", "x", "turned", {"perm": [1, 0]}),
        ("MatMul", "x turned", "scores"),
        ("Add", "scores part", "masked"),
        ("Softmax", "masked", "y", {"axis": -1}),
    ]
    mask = np.triu(np.full((9, 9), -np.inf, np.float32), 1)
    graph = simplify(load_onnx(model_with(nodes, ("N", 4), **INTS, mask=mask, starts=np.int64([0, 0]))))
    lowered = quantize(graph, [{"x": data(6, 4)}], QuantConfig(method="minmax"))
    assert {node.op_name for node, _ in float_nodes(lowered)} >= {"Add", "Softmax"}
    x = data(5, 4, seed=1)
    assert sqnr(Interpreter(to_program(graph))(x), Interpreter(to_program(lowered))(x)) > 30


def test_probabilities_of_many_classes_have_steps_of_their_size() -> None:
    scores = data(8, 1000, seed=3)
    emitter = Emitter({"x": TensorType("float32", (8, 1000))})
    emitter.emit([Softmax(1)(Ref("x", emitter.types["x"]))], ["p"], "p")
    lowered = quantize(Graph(emitter.nodes, emitter.types, ["x"], ["p"]), [{"x": scores}])
    exact = np.exp(scores - scores.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    assert sqnr(exact, Interpreter(to_program(lowered))(scores)) > 30


@pytest.mark.parametrize(("value", "is_held"), [(4.0, True), (-1.0, True), (-1e9, False)])
def test_a_border_belongs_to_the_range_unless_it_stands_for_infinity(value: float, is_held: bool) -> None:
    x = np.abs(X)
    emitter = Emitter({"x": TensorType("float32", X.shape)})
    emitter.emit([Pad((0, 0, 1, 1, 0, 0, 1, 1), value=value)(Ref("x", emitter.types["x"]))], ["y"], "y")
    y = Interpreter(to_program(quantize(Graph(emitter.nodes, emitter.types, ["x"], ["y"]), [{"x": x}])))(x)
    assert np.isclose(y[0, 0, 0, 0], value, atol=0.02) == is_held
    assert sqnr(x, y[:, :, 1:-1, 1:-1]) > 35
