"""LightGBM's and XGBoost's models convert at fp32, with the labels of ONNX Runtime and its numbers."""

from __future__ import annotations

import pytest

pytest.importorskip("onnxmltools", reason="`make exports` installs the exporters")
pytest.importorskip("lightgbm", reason="`make exports` installs the exporters")
pytest.importorskip("xgboost", reason="`make exports` installs the exporters")

from tests.exports.boosting_models import makers
from tests.exports.exported import Maker, judge

MAKERS = dict(makers())


@pytest.mark.filterwarnings("ignore")  # of the exporters about versions
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_it_gives_what_onnx_runtime_gives(make: Maker) -> None:
    judge(make())
