"""What a conversion and an inference cost, beside ONNX Runtime in one run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _row(benchmark: str, model: str) -> list[str]:
    """The cells of the table that a benchmark prints for one model."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{benchmark}", model],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [cell.strip() for cell in done.stdout.splitlines()[0].split("|")]


def test_converting_costs_less_time_and_memory_than_onnxruntime() -> None:
    *_, time_ratio, _, _, memory_ratio = _row("convert", "resnet8_cifar10")
    assert float(time_ratio) < 1
    assert float(memory_ratio) < 1


def test_int8_latency_is_at_most_four_times_that_of_onnxruntime_fp32() -> None:
    for model in ("resnet20_cifar10_ts17", "etinynet1.0_ts13"):
        *_, to_fp32, _ = _row("latency", model)
        assert float(to_fp32) <= 4, model
