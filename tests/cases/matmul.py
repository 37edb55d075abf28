"""MatMul: batches, broadcasting, rank 1, constants on either side."""

from __future__ import annotations

from tests.harness import Case, data

A, B = data(2, 3, 4, 8), data(2, 3, 8, 5)
INTS = data(2, 3, 4, low=-9, high=9, dtype="int32")

CASES = [
    Case("batched", "MatMul", (A, B), batched=(0, 1), int8_sqnr=30),
    Case("broadcast_batch", "MatMul", (A, B[:1, :1]), int8_sqnr=30),
    Case("lower_rank", "MatMul", (A[0], B), dynamic=None, int8_sqnr=30),
    Case("matrices", "MatMul", (A[0, 0], B[0, 0]), int8_sqnr=30),
    Case("row", "MatMul", (A[0, 0, 0], B), dynamic=None, int8_sqnr=30),
    Case("column", "MatMul", (A, B[0, 0, :, 0]), int8_sqnr=30),
    Case("dot", "MatMul", (A[0, 0, 0], B[0, 0, :, 0]), dynamic=None, int8_sqnr=30),
    Case("constant_right", "MatMul", (A, B[0, 0]), constants=(1,), int8_sqnr=30),
    Case("constant_batched_right", "MatMul", (A, B[0]), constants=(1,), int8_sqnr=30),
    Case("constant_left", "MatMul", (A[0, 0], B), constants=(0,), dynamic=None, int8_sqnr=30),
    Case("constant_column", "MatMul", (A, B[0, 0, :, 0]), constants=(1,), int8_sqnr=30),
    Case("row_by_constant", "MatMul", (A[0, 0, 0], B[0, 0]), constants=(1,), dynamic=None, int8_sqnr=30),
    Case("long", "MatMul", (data(3, 600), data(600, 4, low=0)), int8_sqnr=30),
    Case("integers", "MatMul", (INTS, INTS[0, :1].repeat(4, 0))),
    Case("integers_by_constant", "MatMul", (INTS, INTS[0, :1].repeat(4, 0)), constants=(1,)),
    Case("opset_7", "MatMul", (A, B), opset=7, batched=(0, 1), int8_sqnr=30),
]
