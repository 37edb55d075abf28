"""Statistics of inputs: the figures, and which differences look like other preprocessing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgeconv.core import Array, QParams, TensorType
from edgeconv.data import Batch, Preprocessing, resolve
from edgeconv.data.input_statistics import InputFacts, InputStatistics, facts_from_json, facts_to_json, mismatch
from edgeconv.errors import UsageError
from tests.data.models import N

X = {"x": TensorType("float32", (N, 3))}
PIXELS = InputFacts("x", 118.2, 60.0, 0.0, 255.0)


def _facts(*batches: Array) -> InputFacts:
    seen = InputStatistics(X)
    for array in batches:
        seen.add(Batch({"x": array}, None, len(array)))
    return seen.facts()[0]


def test_figures_are_those_of_all_elements_however_they_are_batched() -> None:
    x = np.random.default_rng(0).normal(3, 2, (50, 3)).astype(np.float32)
    one, many = _facts(x), _facts(*np.array_split(x, 7))
    assert one == many
    assert (one.mean, one.std) == pytest.approx((float(x.mean()), float(x.std())), rel=1e-5)
    assert (one.min, one.max) == pytest.approx((float(x.min()), float(x.max())), rel=1e-5)


def test_parts_merged_in_any_order_are_the_same_bits() -> None:
    parts = np.random.default_rng(1).normal(0, 1e3, (3, 17, 3)).astype(np.float32)
    seen = []
    for array in parts:
        seen.append(InputStatistics(X))
        seen[-1].add(Batch({"x": array}, None, len(array)))
    a, b, c = seen
    left, right = a.merged(b).merged(c), c.merged(a).merged(b)
    assert left.state() == right.state()
    assert InputStatistics.of_state(left.state()).facts() == left.facts() == (_facts(*parts),)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_not_hidden(value: float) -> None:
    found = _facts(np.array([[1, value, 2]], np.float32))
    assert np.isnan(found.mean)


def test_what_is_missing_does_not_count() -> None:
    seen = InputStatistics({"x": TensorType("float32", (N, 3), takes_nan=True)})
    seen.add(Batch({"x": np.array([[1, np.nan, 3]], np.float32)}, None, 1))
    assert (seen.facts()[0].min, seen.facts()[0].max, seen.facts()[0].mean) == (1.0, 3.0, 2.0)


def test_int8_input_counts_in_real_numbers() -> None:
    seen = InputStatistics({"x": TensorType("int8", (N, 2), QParams.per_tensor(0.5, -10))})
    seen.add(Batch({"x": np.array([[-10, 10]], np.int8)}, None, 1))
    assert (seen.facts()[0].min, seen.facts()[0].max, seen.facts()[0].mean) == (0.0, 10.0, 5.0)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (InputFacts("x", 0.02, 1.0, -2.1, 2.6), "mean 118.2 in calibration, 0.02 here"),
        (InputFacts("x", 0.46, 0.24, 0.0, 1.0), "mean 118.2 in calibration, 0.46 here"),
        (InputFacts("x", 118.2 - 128, 60.0, -128.0, 127.0), "in calibration, -9.8 here"),
        (InputFacts("x", 110.0, 7000.0, 0.0, 65535.0), "deviation 60 in calibration, 7000 here"),
    ],
)
def test_other_preprocessing_is_noticed(found: InputFacts, words: str) -> None:
    (line,) = mismatch([PIXELS], [found], 100)
    assert words in line
    assert line.endswith("different preprocessing?")


@pytest.mark.parametrize(("mean", "std", "samples"), [(125.0, 64.0, 100), (90.0, 40.0, 16), (30.0, 20.0, 1)])
def test_other_samples_are_not(mean: float, std: float, samples: int) -> None:
    assert mismatch([PIXELS], [InputFacts("x", mean, std, 0.0, 255.0)], samples) == ()


def test_constant_inputs_and_strangers_do_not_matter() -> None:
    still = InputFacts("x", 1.0, 0.0, 1.0, 1.0)
    assert mismatch([still], [still, InputFacts("y", 9.0, 1.0, 8.0, 10.0)], 4) == ()
    assert mismatch([still], [InputFacts("x", 2.0, 0.0, 2.0, 2.0)], 4) != ()


def test_facts_come_back_from_a_file() -> None:
    assert facts_from_json(facts_to_json([PIXELS])) == (PIXELS,)


HOSTILE = ["", "{", "[]", "{}", "3", '[{"name":"x"}]', "[[1]]", '[{"name":"x","mean":NaN,"std":1,"min":0,"max":1}]',
           '[{"name":1,"mean":1,"std":1,"min":0,"max":1}]', '[{"name":"x","mean":1e999,"std":1,"min":0,"max":1}]',
           f'[{{"name":"x","mean":1{"0" * 400},"std":1,"min":0,"max":1}}]', "[" * 100_000]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_file_holds_nothing_is_raised(text: str) -> None:
    assert facts_from_json(text) == ()
    assert Preprocessing.from_json(text) in (None, Preprocessing())


@pytest.mark.parametrize(
    "fields", [{"mean": []}, {"std": [0]}, {"mean": "abc"}, {"layout": 3}, {"strange": 1}, {"scale": [1]}]
)
def test_preprocessing_that_makes_no_sense_is_ignored(fields: object) -> None:
    assert Preprocessing.from_json(json.dumps(fields)) is None


def test_preprocessing_comes_back_from_a_file_and_single_fields_can_be_changed() -> None:
    known = Preprocessing((0.5, 0.4, 0.3), (0.2,), 1 / 255, "NCHW", "BGR", "exact")
    assert Preprocessing.from_json(known.to_json()) == known
    metadata = {"preprocessing": known.to_json()}
    assert resolve(None, metadata) == known
    assert resolve({"mean": (0.0,), "layout": "auto"}, metadata).std == (0.2,)
    assert resolve({"mean": (0.0,)}, metadata).mean == (0.0,)
    assert resolve(Preprocessing(), metadata) == Preprocessing()
    assert resolve(None, {}) == Preprocessing()
    with pytest.raises(UsageError):
        resolve({"std": (0.0,)}, metadata)


def test_options_say_what_the_preprocessing_does() -> None:
    known = Preprocessing((0.5, 0.4, 0.3), (0.2,), 1 / 255, "NCHW", "BGR", "exact")
    words = dict(zip(known.options()[::2], known.options()[1::2], strict=True))
    assert Preprocessing.parse(**{name.removeprefix("--"): value for name, value in words.items()}) == known
    assert Preprocessing().options() == ()
