"""What refining did, in words: harm that can be seen, choices that flatter, chance."""

from __future__ import annotations

import numpy as np
import pytest

from edgeconv.report.accuracy import Flips
from edgeconv.report.document import Facts, Note, Table
from edgeconv.report.record import Attempt, HeldOut, LayerChoice, RefinementRecord, Trial
from edgeconv.report.refinement import refinement_blocks, refinement_json


def _layer(name: str, **errors: float) -> LayerChoice:
    return LayerChoice(name, name, "Conv", "nearest", {"nearest": 1.0, **errors}, 1000.0)


def test_the_standard_error_of_a_drop_is_that_of_paired_differences() -> None:
    each = np.concatenate([np.ones(20), -np.ones(5), np.zeros(975)])
    found = Flips(10, 1000, 30, 20, 5, ()).drop_error
    assert found == pytest.approx(each.std() / np.sqrt(1000), rel=1e-12)
    assert Flips(10, 1000, 30, None, None, ()).drop_error is None


def test_harm_too_small_to_see_is_counted_but_not_listed() -> None:
    layers = (_layer("much", gptq=2.0, fit=1.001), _layer("little", gptq=1.001))
    (table,) = [block for block in refinement_blocks(RefinementRecord("default", layers)) if isinstance(block, Table)]
    assert [(row[0], row[1]) for row in table.rows] == [("much", "gptq -3.0 dB")]
    assert table.header[0].endswith("the worst 1 of 2 layers")
    (note,) = [b for b in refinement_blocks(RefinementRecord("default", layers[1:])) if isinstance(b, Note)]
    assert "undone in 1 layer, worse on held-back samples by less than 0.1 dB" in note.text


def test_layers_that_were_all_undone_are_not_told_one_by_one() -> None:
    trials = (Trial("unrefined", 30.0, True), Trial("refined", 29.0, False))
    record = RefinementRecord("default", (_layer("much", gptq=2.0),), trials, free=("a",))
    blocks = tuple(refinement_blocks(record))
    assert [block.rows[0][0] for block in blocks if isinstance(block, Table)] == ["unrefined"]
    (facts,) = [block for block in blocks if isinstance(block, Facts)]
    assert facts.rows == (("effort", "default"), ("held in 16 bits", "1 activation that nothing multiplies"))


def test_what_was_held_out_of_the_search_is_told() -> None:
    attempts = (Attempt((), 1.0, 0.02, False), Attempt((), 1.0, 0.004, True))
    chosen = RefinementRecord("default", attempts=attempts, metric="top1")
    (note,) = [block for block in refinement_blocks(chosen) if isinstance(block, Note)]
    assert "chosen among 2 measurements" in note.text
    confirmed = RefinementRecord("default", attempts=attempts, metric="top1", held_out=HeldOut(500, 0.006, 0.0041))
    facts = dict(row for block in refinement_blocks(confirmed) if isinstance(block, Facts) for row in block.rows)
    assert facts["on 500 samples held out of the search"] == "a drop of 0.60 points, standard error 0.41"
    assert refinement_json(confirmed)["held_out"] == {"samples": 500, "value": 0.006, "error": 0.0041}


def test_the_observers_that_were_tried_are_told_with_what_each_costs() -> None:
    observed = (Trial("mse", 28.71, False), Trial("minmax", 43.4, True))
    record = RefinementRecord("default", observed=observed)
    (table,) = [block for block in refinement_blocks(record) if isinstance(block, Table)]
    assert table.rows == (("mse", "28.7 dB", ""), ("minmax", "43.4 dB", "taken"))
    near = RefinementRecord("default", observed=(Trial("mse", 42.9, True), Trial("minmax", 43.2, False)))
    (table,) = [block for block in refinement_blocks(near) if isinstance(block, Table)]
    assert table.rows[0] == ("mse", "42.9 dB", "taken, no other is clearly better")
    assert refinement_json(record)["observed"] == [
        {"name": "mse", "sqnr_db": 28.71, "taken": False},
        {"name": "minmax", "sqnr_db": 43.4, "taken": True},
    ]
    assert not list(refinement_blocks(RefinementRecord("default")))
