"""The activation functions that ONNX's recurrent operators may name, and how they take alpha and beta."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgeconv.core import Array
from edgeconv.ops.base import ShapeError
from edgeconv.records import dataclass

__all__ = ["Activation", "find_activations", "resolve_activations"]


@dataclass(frozen=True)
class Activation:
    """A function of (x, alpha, beta), with ONNX's defaults; None where the function does not use that number."""

    function: Callable[[Array, float, float], Array]
    alpha: float | None = None
    beta: float | None = None


def _sigmoid(x: Array, alpha: float = 0.0, beta: float = 0.0) -> Array:
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5, x.dtype)


_KNOWN = {
    "relu": Activation(lambda x, a, b: np.maximum(x, 0)),
    "tanh": Activation(lambda x, a, b: np.tanh(x)),
    "sigmoid": Activation(_sigmoid),
    "affine": Activation(lambda x, a, b: a * x + b, 1.0, 0.0),
    "leakyrelu": Activation(lambda x, a, b: np.where(x < 0, a * x, x), 0.01),
    "thresholdedrelu": Activation(lambda x, a, b: np.where(x > a, x, 0), 1.0),
    "scaledtanh": Activation(lambda x, a, b: a * np.tanh(b * x), 1.0, 1.0),
    "hardsigmoid": Activation(lambda x, a, b: np.clip(a * x + b, 0, 1), 0.2, 0.5),
    "elu": Activation(lambda x, a, b: np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x), 1.0),
    "softsign": Activation(lambda x, a, b: x / (1 + np.abs(x))),
    "softplus": Activation(lambda x, a, b: np.logaddexp(x, 0)),
}


def resolve_activations(
    names: Sequence[str], alphas: Sequence[float], betas: Sequence[float]
) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    """Names in lower case with one alpha and one beta each.

    ONNX lists alphas and betas in the order of the functions, for those alone that use them.
    """
    given_alphas, given_betas = iter(alphas), iter(betas)
    lower = tuple(name.lower() for name in names)
    known = [_find(name) for name in lower]
    return (
        lower,
        tuple(0.0 if a.alpha is None else next(given_alphas, a.alpha) for a in known),
        tuple(0.0 if a.beta is None else next(given_betas, a.beta) for a in known),
    )


def find_activations(
    names: Sequence[str], alphas: Sequence[float], betas: Sequence[float]
) -> list[Callable[[Array], Array]]:
    """The functions, with their numbers filled in."""

    def bind(name: str, alpha: float, beta: float) -> Callable[[Array], Array]:
        function = _find(name).function
        return lambda x: np.asarray(function(x, alpha, beta), x.dtype)

    return [bind(*item) for item in zip(names, alphas, betas, strict=True)]


def _find(name: str) -> Activation:
    if name not in _KNOWN:
        raise ShapeError(f"activation {name!r} is none of {', '.join(_KNOWN)}")
    return _KNOWN[name]
