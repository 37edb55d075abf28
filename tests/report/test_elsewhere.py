"""Evaluation in the workers of an executor: the same report to the bit, whoever computes, whoever gets lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeconv
from edgeconv.report import AccuracyReport
from edgeconv.report.tasks import as_they_come, in_order
from tests.state.models import FRAMES, GRU, gru_model

FOLDER = Path(__file__).parents[2] / "sample_models" / "digits_resnet"
MODEL, TEST = str(FOLDER / "model.onnx"), str(FOLDER / "test.npz")


@pytest.fixture(scope="module")
def model() -> edgeconv.Model:
    """Calibrated quickly."""
    return edgeconv.convert(MODEL, calibration=str(FOLDER / "calib.npz"), effort="fast")


def _report(model: edgeconv.Model, executor: Executor | None) -> AccuracyReport:
    found = edgeconv.evaluate(model, TEST, reference=MODEL, batch_size=32, executor=executor)
    return replace(found, conversion=None)


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_gives_the_same_report(model: edgeconv.Model, kind: type[Executor]) -> None:
    options: dict[str, Any] = {"mp_context": get_context("spawn")} if kind is ProcessPoolExecutor else {}
    with kind(2, **options) as executor:  # type: ignore[call-arg]  # both take a number of workers
        assert _report(model, executor) == _report(model, None)


class _Lazy(Executor):
    """Computes a task when its result is asked for, and counts those that wait."""

    def __init__(self) -> None:
        self.waiting = self.most = 0

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        outer, future = self, Future[Any]()

        def result(timeout: float | None = None) -> Any:
            outer.waiting -= 1
            return function(*args, **kwargs)

        future.result = result  # type: ignore[method-assign]  # there is no worker to set it
        return future


def test_samples_are_read_as_workers_become_free(model: edgeconv.Model) -> None:
    def batches() -> Iterator[dict[str, np.ndarray[Any, Any]]]:
        for _ in range(200):
            yield {"input": np.zeros((32, 1, 8, 8), np.float32)}

    executor = _Lazy()
    report = edgeconv.evaluate(model, batches, reference=MODEL, batch_size=32, executor=executor)
    assert report.samples == 6400
    assert executor.most <= 16
    assert executor.waiting == 0


def test_a_dask_cluster_that_loses_a_worker_loses_no_sample(model: edgeconv.Model) -> None:
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    lost: list[str] = []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor(pure=False, retries=3) as executor,
    ):

        def kill_one(stage: str, done: int, total: int | None) -> None:
            if not lost and stage == "evaluating":
                name, nanny = next(iter(cluster.workers.items()))
                lost.append(name)
                nanny.process.process.kill()

        found = edgeconv.evaluate(model, TEST, reference=MODEL, batch_size=8, executor=executor, progress=kill_one)
    assert lost
    assert replace(found, conversion=None) == replace(
        edgeconv.evaluate(model, TEST, reference=MODEL, batch_size=8), conversion=None
    )


class _Forgetful(ThreadPoolExecutor):
    """Every third task that is handed in comes back as failed."""

    handed_in = 0

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.handed_in += 1
        return super().submit(_fail if self.handed_in % 3 == 0 else function, *args, **kwargs)


def _fail(*_: Any) -> None:
    raise ConnectionError("the worker is gone")


def test_what_a_worker_was_lost_with_is_done_again(model: edgeconv.Model) -> None:
    with _Forgetful(2) as executor:
        assert _report(model, executor) == _report(model, None)
    with _Forgetful(2) as executor:
        assert sorted(as_they_come(executor, abs, range(-10, 0))) == list(range(1, 11))


def test_what_always_fails_is_an_error() -> None:
    with ThreadPoolExecutor(2) as executor, pytest.raises(ConnectionError, match="the worker is gone"):
        in_order(executor, _fail, [1, 2])


def test_a_sequence_is_not_cut_up() -> None:
    source, frames = gru_model().SerializeToString(), {"x": FRAMES}
    model = edgeconv.convert(source, calibration=frames, states=GRU)
    with ThreadPoolExecutor(2) as executor:
        found = edgeconv.evaluate(model, frames, reference=source, executor=executor)
    assert found.outputs == edgeconv.evaluate(model, frames, reference=source).outputs
