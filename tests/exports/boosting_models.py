"""LightGBM and XGBoost through onnxmltools: classifiers of two and of four classes, regressors, missing values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import lightgbm
import numpy as np
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from edgeconv.core import Array
from tests.exports.exported import Exported

__all__ = ["makers"]

_FEATURES = 5


def _data(holes: bool) -> tuple[Array, Array]:
    dice = np.random.default_rng(0)
    x = dice.normal(size=(300, _FEATURES)).astype(np.float32)
    score = x[:, 0] * 2 + np.abs(x[:, 1]) - x[:, 2] * x[:, 3]
    if holes:
        x[dice.uniform(size=x.shape) < 0.1] = np.nan
    return x, score


def _classes(score: Array, count: int) -> Array:
    return np.asarray(np.digitize(score, np.quantile(score, np.linspace(0, 1, count + 1)[1:-1])))


def _fitted(
    convert: Callable[..., Any], make: Callable[[], Any], classes: int, holes: bool, **options: Any
) -> Exported:
    x, score = _data(holes)
    model = make().fit(x, _classes(score, classes) if classes else score)
    exported = convert(model, initial_types=[("input", FloatTensorType([None, _FEATURES]))], target_opset=15, **options)
    return Exported(exported, {"input": x[:80]}, {})


_lightgbm = partial(_fitted, convert_lightgbm)
_xgboost = partial(_fitted, convert_xgboost)
_LIGHT: dict[str, Any] = {"n_estimators": 12, "num_leaves": 9, "random_state": 0, "verbose": -1, "n_jobs": 1}
_EXTREME: dict[str, Any] = {"n_estimators": 10, "max_depth": 4, "random_state": 0, "n_jobs": 1}


def makers() -> Iterator[tuple[str, Callable[[], Exported]]]:
    """(name, maker) of every model."""
    for classes in (2, 4):
        for holes in (False, True):
            end = f"{classes}_classes{'_missing' if holes else ''}"
            yield f"lightgbm_{end}", partial(_lightgbm, partial(lightgbm.LGBMClassifier, **_LIGHT), classes, holes)
            yield f"xgboost_{end}", partial(_xgboost, partial(xgboost.XGBClassifier, **_EXTREME), classes, holes)
    for holes in (False, True):
        end = "regressor_missing" if holes else "regressor"
        yield f"lightgbm_{end}", partial(_lightgbm, partial(lightgbm.LGBMRegressor, **_LIGHT), 0, holes)
        yield f"xgboost_{end}", partial(_xgboost, partial(xgboost.XGBRegressor, **_EXTREME), 0, holes)
    no_zip_map = partial(_lightgbm, partial(lightgbm.LGBMClassifier, **_LIGHT), 2, False, zipmap=False)
    yield "lightgbm_no_zip_map", no_zip_map
    for kind in ("dart", "rf"):
        bagged = {"boosting_type": kind, "bagging_freq": 1, "bagging_fraction": 0.8}
        yield f"lightgbm_{kind}", partial(_lightgbm, partial(lightgbm.LGBMRegressor, **_LIGHT | bagged), 0, False)
    split = partial(_lightgbm, partial(lightgbm.LGBMRegressor, **_LIGHT), 0, False, split=5)
    yield "lightgbm_split", split
    for objective in ("reg:logistic", "count:poisson", "binary:logistic"):
        is_class = objective.startswith("binary")
        kind = xgboost.XGBClassifier if is_class else xgboost.XGBRegressor
        name = f"xgboost_{objective.replace(':', '_')}"
        yield name, partial(_xgboost_positive, partial(kind, objective=objective, **_EXTREME), is_class)
    forest = partial(xgboost.XGBRFClassifier, n_estimators=8, max_depth=4, random_state=0, n_jobs=1)
    yield "xgboost_random_forest", partial(_xgboost, forest, 2, False)


def _xgboost_positive(make: Callable[[], Any], is_class: bool) -> Exported:
    """Targets between 0 and 1, for objectives that want them."""
    x, score = _data(False)
    y = 1 / (1 + np.exp(-score))
    model = make().fit(x, y > 0.5 if is_class else y)
    types = [("input", FloatTensorType([None, _FEATURES]))]
    return Exported(convert_xgboost(model, initial_types=types, target_opset=15), {"input": x[:80]}, {})
