"""erf in float64, and what the float32 kernel makes of it."""

from __future__ import annotations

import math

import numpy as np

from edgeconv.core import TensorType
from edgeconv.ops.erf import Erf, erf
from edgeconv.runtime import Interpreter
from edgeconv.runtime.program import Program, Step, Tensor


def _exact(x: np.ndarray) -> np.ndarray:
    return np.array([math.erf(value) for value in x.tolist()])


def test_erf_is_exact_to_a_few_units_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(-7, 7, 5001), np.geomspace(1e-300, 1e300, 601), [0.5, 4, -27, 30]])
    np.testing.assert_allclose(erf(x), _exact(x), rtol=2e-15)


def test_erf_of_what_is_no_number_or_has_no_size() -> None:
    found = erf(np.array([0.0, -0.0, np.inf, -np.inf, np.nan]))
    np.testing.assert_array_equal(found, [0, 0, 1, -1, np.nan])
    assert np.signbit(found[1])


def test_the_float32_kernel_is_accurate() -> None:
    x = np.concatenate([np.linspace(-6, 6, 20001), np.geomspace(1e-30, 1, 301)]).astype(np.float32)
    known = TensorType("float32", x.shape)
    found = Interpreter(Program((Tensor("x", known), Tensor("y", known)), (Step(Erf(), (0,), (1,)),), (0,), (1,)))(x)
    np.testing.assert_allclose(found, _exact(x.astype(np.float64)), rtol=5e-7)
