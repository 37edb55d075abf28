"""Support vector machines: kernels, two and more classes, probabilities, transforms. ONNX Runtime is the judge: the
reference evaluator has neither its scores of two classes nor its labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.harness import Case, data

ML = "ai.onnx.ml"
X = data(8, 3, seed=4)
KERNELS = {"LINEAR": [0.0, 0.0, 0.0], "POLY": [0.4, 0.5, 3.0], "RBF": [0.3, 0.0, 3.0], "SIGMOID": [0.2, 0.1, 3.0]}


def _machine(classes: int, *, probabilities: bool) -> dict[str, Any]:
    counts = [2 + each % 3 for each in range(classes)]
    pairs, vectors = classes * (classes - 1) // 2, sum(counts)
    fields: dict[str, Any] = {
        "vectors_per_class": counts,
        "support_vectors": data(vectors * 3, seed=7).tolist(),
        "coefficients": data((classes - 1) * vectors, seed=8).tolist(),
        "rho": data(pairs, seed=9).tolist(),
        "classlabels_ints": [3 * each + 1 for each in range(classes)],
        "kernel_type": "RBF",
        "kernel_params": KERNELS["RBF"],
    }
    if probabilities:
        fields |= {"prob_a": (-1 - np.arange(pairs) / 5).tolist(), "prob_b": data(pairs, seed=10).tolist()}
    return fields


def _cases() -> Iterator[Case]:
    def case(name: str, op: str, fields: dict[str, Any], x: np.ndarray = X, **more: Any) -> Case:
        outputs = 2 if op == "SVMClassifier" else 1
        return Case(name, op, (x,), fields, outputs=outputs, domain=ML, judge="onnxruntime", **more)

    for kernel, parameters in KERNELS.items():
        kind = {"kernel_type": kernel, "kernel_params": parameters}
        yield case(f"kernel_{kernel.lower()}", "SVMClassifier", _machine(3, probabilities=False) | kind, atol=1e-4)
        vectors = {"support_vectors": data(12, seed=1).tolist(), "n_supports": 4, "coefficients": data(4).tolist()}
        yield case(kernel.lower(), "SVMRegressor", vectors | kind | {"rho": [0.2]}, atol=1e-4)
    yield case("open_features", "SVMRegressor", vectors | kind | {"rho": [0.2]}, dynamic=1, atol=1e-4)
    yield case("one_class", "SVMRegressor", vectors | kind | {"rho": [0.2], "one_class": 1}, dynamic=None)
    flat = {"coefficients": data(3).tolist(), "rho": [0.3], "kernel_type": "LINEAR", "kernel_params": [0.0, 0.0, 0.0]}
    yield case("no_vectors", "SVMRegressor", flat)
    for classes in (2, 3, 5):
        for given in (False, True):
            for kind in ("NONE", "LOGISTIC", "SOFTMAX"):
                name = f"{classes}_classes_{'probabilities' if given else 'scores'}_{kind.lower()}"
                fields = _machine(classes, probabilities=given) | {"post_transform": kind}
                yield case(name, "SVMClassifier", fields, atol=1e-4)
    yield case("int64", "SVMClassifier", fields, np.arange(-6, 6).reshape(4, 3), atol=1e-4)
    wide = {"coefficients": data(9).tolist(), "rho": [0.3, 0.3, 0.3], "classlabels_ints": [5, 6, 7]}
    yield case("no_vectors", "SVMClassifier", flat | wide)


CASES = list(_cases())
