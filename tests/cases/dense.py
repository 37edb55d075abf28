"""Dense, which Gemm and MatMul by a constant become: large sums, ranks, one row."""

from __future__ import annotations

from tests.harness import Case, data

CASES = [
    Case("large_sum", "MatMul", (data(2, 1200, low=0), data(1200, 3, low=0)), constants=(1,), int8_sqnr=30),
    Case("rank_4", "MatMul", (data(2, 3, 5, 7), data(7, 2)), constants=(1,), int8_sqnr=30),
    Case("one_row", "Gemm", (data(1, 9), data(9, 4), data(4)), constants=(1, 2), dynamic=None, int8_sqnr=30),
]
