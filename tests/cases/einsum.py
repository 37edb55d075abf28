"""Einsum: contractions, which become MatMul, and everything else."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

A, B = data(2, 3, 4, 5), data(2, 3, 6, 5)


def _case(equation: str, *inputs: object, **options: object) -> Case:
    name = equation.replace(" ", "").replace("->", "_to_").replace(",", "_").replace("...", "etc")
    return Case(name, "Einsum", inputs, {"equation": equation}, **options)  # type: ignore[arg-type]


CASES = [
    _case("bhqd,bhkd->bhqk", A, B, batched=(0, 1), int8_sqnr=30),
    _case("bhqd , bhkd -> bqhk", A, B, batched=(0, 1), int8_sqnr=30),
    _case("bqhd,bkhd->bhqk", A, data(2, 6, 4, 5), batched=(0, 1), int8_sqnr=30),
    _case("ij,jk", A[0, 0], data(5, 3), constants=(1,), int8_sqnr=30),
    _case("bij,kij->bk", A[0], data(7, 4, 5), constants=(1,), int8_sqnr=30),
    _case("i,j->ij", data(3), data(4), int8_sqnr=30),
    _case("bi,bj->bij", data(2, 3), data(2, 4), batched=(0, 1), int8_sqnr=30),
    _case("bij,b->ij", A[0], data(3), dynamic=None, int8_sqnr=30),
    _case("bij,bjk->ik", A[0], data(3, 5, 2), batched=(0, 1)),
    _case("bij,jk->ik", A[0], data(5, 2)),
    _case("bii->bi", data(2, 3, 3)),
    _case("bii,bi->b", data(2, 3, 3), data(2, 3), batched=(0, 1)),
    _case("...ij,...jk->...ik", A, data(3, 5, 2)),
    _case("ij->ji", A[0, 0]),
    _case("ba", A[0, 0]),
    _case("i...,i...", A[0], A[0] + 1, batched=(0, 1)),
    _case("ij,jk,kl->il", A[0, 0], data(5, 3), data(3, 2)),
    _case("ij,jk->ik", A[0, 0].astype(np.int64), data(5, 2).astype(np.int64)),
]
