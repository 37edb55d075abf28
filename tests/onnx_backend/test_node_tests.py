"""Every node test does what the ledger says. UPDATE_LEDGER=1 writes the ledger anew, after a wanted change."""

from __future__ import annotations

import os

import onnx
import pytest

from tests.onnx_backend.ledger import ONNX_VERSION, read_ledger, write_ledger
from tests.onnx_backend.running import node_cases, outcome_of

pytestmark = [
    pytest.mark.skipif(onnx.__version__ != ONNX_VERSION, reason=f"the ledger lists the cases of onnx {ONNX_VERSION}"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # cases with infinities, whose results are NaN on purpose
]
LEDGER = read_ledger()
FEWEST_PASSES = 1770


@pytest.mark.parametrize("name", LEDGER)
def test_case_does_what_the_ledger_says(name: str) -> None:
    assert outcome_of(node_cases()[name]) == LEDGER[name]


def test_the_ledger_lists_every_case() -> None:
    if os.environ.get("UPDATE_LEDGER"):
        write_ledger({name: outcome_of(case) for name, case in node_cases().items()})
    assert list(read_ledger()) == sorted(node_cases())


def test_enough_cases_pass() -> None:
    assert sum(outcome.startswith("pass") for outcome in LEDGER.values()) >= FEWEST_PASSES
