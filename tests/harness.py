"""What a test case is, and how it becomes an ONNX model. Expected values come from ONNX's reference evaluator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgeconv.core import Array

__all__ = ["Case", "data", "feeds_of", "model_of", "reference_outputs", "sqnr"]


@dataclass(frozen=True)
class Case:
    """One ONNX node with its inputs.

    `inputs`: arrays in order, None for an absent optional one. `constants`: positions that are initializers.
    `dynamic`: axis that is symbolic ("N") in the inputs `batched`, or None.
    `rtol`, `atol`: against ONNX's reference evaluator (sums of a few hundred float32 products of magnitude 4, each off
    by 2**-24 of its size, differ by up to 3e-5).
    `int8_sqnr`: SQNR in dB that the int8 form must reach on these inputs; None where the operator stays in float.
    `judge`: "onnx" (the reference evaluator), or "onnxruntime" where that one does not follow the specification.
    """

    name: str
    op_type: str
    inputs: Sequence[Array | None]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Sequence[int] = ()
    outputs: int = 1
    opset: int = 17
    domain: str = ""
    domain_opset: int = 1
    dynamic: int | None = 0
    batched: Sequence[int] = (0,)
    rtol: float = 1e-5
    atol: float = 3e-5
    int8_sqnr: float | None = None
    judge: str = "onnx"

    def __str__(self) -> str:
        return f"{self.op_type}-{self.name}"


def data(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0, dtype: str = "float32") -> Array:
    """Deterministic values, uniform in [low, high)."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape).astype(dtype)


def model_of(case: Case) -> onnx.ModelProto:
    """The one-node ONNX model of a case."""
    names = ["" if array is None else f"input{i}" for i, array in enumerate(case.inputs)]
    outputs = [f"output{i}" for i in range(case.outputs)]
    attributes = {
        key: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for key, value in case.attributes.items()
    }
    node = helper.make_node(case.op_type, names, outputs, name="node", domain=case.domain, **attributes)
    given = {i: array for i, array in enumerate(case.inputs) if array is not None}
    infos = [_value_info(case, i, array) for i, array in given.items() if i not in case.constants]
    initializers = [numpy_helper.from_array(given[i], names[i]) for i in case.constants]
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph([node], "case", infos, results, initializers)
    opsets = [helper.make_opsetid("", case.opset)]
    if case.domain:
        opsets.append(helper.make_opsetid(case.domain, case.domain_opset))
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def _value_info(case: Case, index: int, array: Array) -> onnx.ValueInfoProto:
    dims: list[int | str] = list(array.shape)
    if index in case.batched and case.dynamic is not None and case.dynamic < len(dims):
        dims[case.dynamic] = "N"
    return helper.make_tensor_value_info(f"input{index}", helper.np_dtype_to_tensor_dtype(array.dtype), dims)


def feeds_of(case: Case) -> dict[str, Array]:
    """The inputs that are not initializers, by name."""
    return {f"input{i}": array for i, array in enumerate(case.inputs) if array is not None and i not in case.constants}


def reference_outputs(model: onnx.ModelProto, feeds: Mapping[str, Array], judge: str = "onnx") -> list[Array]:
    """What ONNX's reference evaluator says; or ONNX Runtime, for a case with that judge."""
    if judge == "onnxruntime":
        from onnxruntime import InferenceSession

        session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return [np.asarray(output) for output in session.run(None, dict(feeds))]
    return [np.asarray(output) for output in ReferenceEvaluator(model).run(None, dict(feeds))]


def sqnr(reference: Array, found: Array) -> float:
    """Signal to quantization noise ratio in dB: 10 log10(sum(reference^2) / sum((reference - found)^2))."""
    signal = float(np.sum(np.square(reference, dtype=np.float64)))
    noise = float(np.sum(np.square(reference.astype(np.float64) - found)))
    return np.inf if noise == 0 else 10 * float(np.log10(max(signal, 1e-300) / noise))
