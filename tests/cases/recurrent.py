"""LSTM, GRU and RNN: directions, layouts, initial states, lengths, peepholes, clip, activations.

ONNX Runtime judges where ONNX's reference evaluator has no form of its own (directions, lengths, clip, activations).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.harness import Case, data

T, N, FEATURES, H = 5, 3, 4, 6
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_PLACES = {"bias": 3, "lengths": 4, "h": 5, "c": 6, "peephole": 7}
_LENGTHS = np.array([5, 2, 4], np.int32)


def _case(
    name: str,
    op: str,
    extra: Sequence[str] = ("bias",),
    attributes: Mapping[str, Any] | None = None,
    directions: int = 1,
    constant: bool = True,
    outputs: int = 2,
    judge: str = "onnxruntime",
    opset: int = 17,
    batch: int = N,
) -> Case:
    rows, attributes = _GATES[op] * H, {"hidden_size": H, **(attributes or {})}
    is_batch_first = bool(attributes.get("layout", 0))
    state = (batch, directions, H) if is_batch_first else (directions, batch, H)
    given = {
        "bias": data(directions, 2 * rows, seed=3, low=-1, high=1),
        "lengths": _LENGTHS[:batch],
        "h": data(*state, seed=4, low=-1, high=1),
        "c": data(*state, seed=5, low=-1, high=1),
        "peephole": data(directions, 3 * H, seed=6, low=-1, high=1),
    }
    inputs: list[np.ndarray | None] = [
        data(*((batch, T, FEATURES) if is_batch_first else (T, batch, FEATURES))),
        data(directions, rows, FEATURES, seed=1, low=-1, high=1),
        data(directions, rows, H, seed=2, low=-1, high=1),
    ]
    last = max((_PLACES[key] for key in extra), default=2)
    inputs += [None] * (last - 2)
    for key in extra:
        inputs[_PLACES[key]] = given[key]
    constants = (1, 2, 3) if constant else ()
    constants = tuple(i for i in constants if i < len(inputs) and inputs[i] is not None)
    known = {"hidden_size", "direction", "layout", "linear_before_reset"}
    is_int8 = op != "RNN" and constant and attributes.keys() <= known and not {"lengths", "peephole"} & set(extra)
    return Case(
        name,
        op,
        tuple(inputs),
        attributes,
        constants,
        outputs=outputs,
        opset=opset,
        dynamic=0 if is_batch_first else 1,
        int8_sqnr=30 if is_int8 else None,
        judge=judge,
    )


def _common(op: str) -> list[Case]:
    return [
        _case("plain", op, judge="onnx"),
        _case("no_bias", op, (), judge="onnx"),
        _case("y_only", op, outputs=1, judge="onnx"),
        _case("initial_h", op, ("bias", "h"), judge="onnx"),
        _case("reverse", op, ("bias", "h"), {"direction": "reverse"}),
        _case("bidirectional", op, ("bias", "h"), {"direction": "bidirectional"}, 2),
        _case("bidirectional_lengths", op, ("bias", "h", "lengths"), {"direction": "bidirectional"}, 2),
        _case("lengths", op, ("bias", "lengths")),
        _case("layout_1", op, ("bias", "h"), {"layout": 1}, judge="onnx"),
        _case("clip", op, ("bias",), {"clip": 0.5}),
        _case("weights_at_run_time", op, ("bias", "h"), constant=False, judge="onnx"),
        _case("one_sequence", op, ("bias", "h"), batch=1, judge="onnx"),
        _case("one_sequence_both_ways", op, ("bias", "h"), {"direction": "bidirectional"}, 2, batch=1),
        _case("opset_7", op, ("bias", "h"), opset=7),
        _case("opset_22", op, ("bias", "h"), opset=22, judge="onnx"),
    ]


def _activated(op: str, *names: str, alpha: Sequence[float] = (), beta: Sequence[float] = ()) -> Case:
    attributes: dict[str, Any] = {"activations": names}
    attributes |= {"activation_alpha": alpha} if alpha else {}
    attributes |= {"activation_beta": beta} if beta else {}
    return _case("_".join(names).lower(), op, ("bias",), attributes)


CASES = [case for op in _GATES for case in _common(op)]
CASES += [
    _case("all_states", "LSTM", ("bias", "h", "c"), outputs=3, judge="onnx"),
    _case("peephole", "LSTM", ("bias", "h", "c", "peephole"), outputs=3, judge="onnx"),
    _case("input_forget", "LSTM", ("bias",), {"input_forget": 1}),
    _case("layout_1_states", "LSTM", ("bias", "h", "c"), {"layout": 1}, outputs=3, judge="onnx"),
    _case("bidirectional_states", "LSTM", ("bias", "h", "c"), {"direction": "bidirectional"}, 2, outputs=3),
    _case("linear_before_reset", "GRU", ("bias", "h"), {"linear_before_reset": 1}, judge="onnx"),
    _case("linear_before_reset_one", "GRU", ("bias", "h"), {"linear_before_reset": 1}, batch=1, judge="onnx"),
    _case("layout_1_one", "LSTM", ("bias", "h", "c"), {"layout": 1}, outputs=3, judge="onnx", batch=1),
    _case("linear_before_reset_lengths", "GRU", ("bias", "h", "lengths"), {"linear_before_reset": 1}),
    _case("linear_before_reset_two", "GRU", (), {"linear_before_reset": 1, "direction": "bidirectional"}, 2),
    _activated("RNN", "Relu"),
    _activated("RNN", "Sigmoid"),
    _activated("RNN", "Affine", alpha=[0.5], beta=[0.25]),
    _activated("RNN", "LeakyRelu", alpha=[0.3]),
    _activated("RNN", "ThresholdedRelu", alpha=[0.3]),
    _activated("RNN", "ScaledTanh", alpha=[0.7], beta=[1.5]),
    _activated("RNN", "HardSigmoid"),
    _activated("RNN", "Elu", alpha=[0.5]),
    _activated("RNN", "Softsign"),
    _activated("RNN", "Softplus"),
    _activated("GRU", "HardSigmoid", "Softsign", alpha=[0.3], beta=[0.4]),
    _activated("LSTM", "HardSigmoid", "Tanh", "Elu", alpha=[0.3, 0.8], beta=[0.4]),
]
