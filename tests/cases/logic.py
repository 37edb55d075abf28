"""Logic on bool and on bits, IsNaN, IsInf."""

from __future__ import annotations

import numpy as np

from tests.harness import Case, data

A, B = data(3, 4) > 0, data(3, 4, seed=1) > 0
BITS, SHIFTS = data(3, 4, low=0, high=200, dtype="uint8"), np.uint8([0, 1, 3, 7])
ODD = np.float32([[1, -np.inf, np.nan, np.inf, 0]])

FEW, ANY = np.int8([[1, -1, 77, -128, 5, -5]]), np.int8([[1, 2, 7, 8, -1, 9]])

CASES = [
    *(Case("plain", op, (A, B), batched=(0, 1)) for op in ("And", "Or", "Xor")),
    *(Case("broadcast", op, (A, B[:1]), opset=7) for op in ("And", "Or", "Xor")),
    *(Case("plain", op, (BITS, BITS[:1]), opset=18) for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")),
    *(Case("signed", op, (BITS.astype(np.int32) - 9, np.int32([5])), opset=18) for op in ("BitwiseAnd", "BitwiseOr")),
    Case("plain", "Not", (A,)),
    Case("plain", "BitwiseNot", (BITS,), opset=18),
    Case("left", "BitShift", (BITS, SHIFTS), {"direction": "LEFT"}),
    Case("right", "BitShift", (BITS, SHIFTS), {"direction": "RIGHT"}),
    *(Case(f"signed_{way}", "BitShift", (FEW, ANY), {"direction": way}, opset=26) for way in ("LEFT", "RIGHT")),
    Case("plain", "IsNaN", (ODD,)),
    Case("plain", "IsInf", (ODD,), opset=20),
    Case("negative", "IsInf", (ODD,), {"detect_positive": 0}, opset=20),
    Case("positive", "IsInf", (ODD,), {"detect_negative": 0}, opset=10),
]
