"""scikit-learn models convert at fp32, with the labels of ONNX Runtime and its numbers."""

from __future__ import annotations

import pytest

pytest.importorskip("skl2onnx", reason="`make exports` installs the exporters")

from tests.exports.exported import Maker, judge
from tests.exports.sklearn_models import makers

MAKERS = dict(makers())


@pytest.mark.filterwarnings("ignore")  # of scikit-learn about models that are not trained to the end
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_it_gives_what_onnx_runtime_gives(make: Maker) -> None:
    judge(make())
