"""A benchmark as a document, and as a JSON-ready dictionary.

"edgeconv/bench/1": seconds and bytes throughout.
  model, seconds {p50, p90, p99, calls}, peers {name: {p50, p90, p99, calls, ratio}}: ratio of medians, ours to theirs
  operators [{operator, steps, calls, seconds, macs, macs_per_second, share, peak_share}]
  steps [{name, operator, calls, seconds, macs, nbytes}]
  memory {arena, prepared, scratch, file}
  floor {seconds, calls, call_seconds, macs, macs_per_second, ratio}: ratio of the median to the floor
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edgeconv.bench.benchmark import Benchmark, OperatorTime
from edgeconv.bench.turns import Timing
from edgeconv.report.document import Document, Facts, Section, Table

__all__ = ["bench_document", "bench_json"]


def bench_document(found: Benchmark) -> Document:
    """What people read."""
    return (
        Section(f"{found.model}: {_ms(found.timing.p50)} ms", (_timings(found),)),
        Section("Operators", (_operators(found),)),
        Section("Memory", (Facts(_memory(found)),)),
        Section("Floor", (Facts(_floor(found)),)),
    )


def bench_json(found: Benchmark) -> dict[str, Any]:
    """What programs read, under the schema above."""
    total = sum(step.seconds for step in found.steps)
    return {
        "schema": "edgeconv/bench/1",
        "model": found.model,
        "seconds": asdict(found.timing),
        "peers": {name: _peer(found, timing) for name, timing in found.peers.items()},
        "operators": [_operator_json(found, each, total) for each in found.operators],
        "steps": [
            {
                "name": step.name,
                "operator": step.operator,
                "calls": calls,
                "seconds": step.seconds,
                "macs": step.macs,
                "nbytes": step.nbytes,
            }
            for step, calls in zip(found.steps, found.calls, strict=True)
        ],
        "memory": {
            "arena": found.memory.arena,
            "prepared": found.memory.prepared,
            "scratch": found.memory.scratch,
            "file": found.file_bytes,
        },
        "floor": {
            "seconds": found.floor,
            "calls": sum(found.calls),
            "call_seconds": found.machine.call_seconds,
            "macs": found.macs,
            "macs_per_second": found.machine.macs_per_second,
            "ratio": found.timing.p50 / found.floor,
        },
    }


def _peer(found: Benchmark, timing: Timing) -> dict[str, Any]:
    return {**asdict(timing), "ratio": found.timing.p50 / timing.p50}


def _operator_json(found: Benchmark, each: OperatorTime, total: float) -> dict[str, Any]:
    return {
        "operator": each.operator,
        "steps": each.steps,
        "calls": each.calls,
        "seconds": each.seconds,
        "macs": each.macs,
        "macs_per_second": each.macs_per_second,
        "share": each.seconds / total if total else 0.0,
        "peak_share": each.macs_per_second / found.machine.macs_per_second,
    }


def _timings(found: Benchmark) -> Table:
    header, own = ("milliseconds", "p50", "p90", "p99", "runs"), ("edgeconv", *_percentiles(found.timing))
    if not found.peers:
        return Table(header, (own,), "lrrrr")
    rows = [
        (name, *_percentiles(timing), f"{found.timing.p50 / timing.p50:.2f}") for name, timing in found.peers.items()
    ]
    return Table((*header, "edgeconv / this"), ((*own, ""), *rows), "lrrrrr")


def _percentiles(timing: Timing) -> tuple[str, str, str, str]:
    return _ms(timing.p50), _ms(timing.p90), _ms(timing.p99), f"{timing.calls:,}"


def _operators(found: Benchmark) -> Table:
    total = sum(step.seconds for step in found.steps)
    rows = tuple(
        (
            each.operator,
            str(each.steps),
            f"{each.calls:,}",
            _ms(each.seconds),
            f"{100 * each.seconds / total:.1f} %" if total else "",
            f"{each.macs:,}" if each.macs else "",
            f"{each.macs_per_second / 1e9:.2f}" if each.macs else "",
            f"{100 * each.macs_per_second / found.machine.macs_per_second:.1f} %" if each.macs else "",
        )
        for each in found.operators
    )
    header = ("operator", "steps", "NumPy calls", "ms", "share", "MACs", "GMAC/s", "of peak")
    return Table(header, rows, "lrrrrrrr")


def _memory(found: Benchmark) -> tuple[tuple[str, str], ...]:
    memory = found.memory
    file = () if found.file_bytes is None else (("file, mapped", f"{found.file_bytes:,} bytes"),)
    held = (("activations as the file has them", f"{memory.arena:,} bytes"),) if memory.arena else ()
    return (
        *file,
        *held,
        ("activations as float32, working memory", f"{memory.scratch:,} bytes"),
        ("prepared weights", f"{memory.prepared:,} bytes"),
        ("beside the file", f"{memory.total:,} bytes"),
    )


def _floor(found: Benchmark) -> tuple[tuple[str, str], ...]:
    machine, calls = found.machine, sum(found.calls)
    return (
        ("NumPy calls", f"{calls:,} of {1e6 * machine.call_seconds:.2f} us: {_ms(calls * machine.call_seconds)} ms"),
        (
            "MACs",
            f"{found.macs:,} at the sgemm peak of {machine.macs_per_second / 1e9:.1f} GMAC/s: "
            f"{_ms(found.macs / machine.macs_per_second)} ms",
        ),
        (
            "together",
            f"{_ms(found.floor)} ms; the median is {found.timing.p50 / max(found.floor, 1e-12):.1f} times that",
        ),
    )


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3f}"
