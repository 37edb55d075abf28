"""Attention as ONNX Runtime's transformer optimizer writes it; ONNX Runtime itself is the judge."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeconv.core import Array
from tests.harness import Case, data

N, S, HIDDEN, HEADS, SIZE = 2, 5, 12, 3, 4
X = data(N, S, HIDDEN)
W, B = data(HIDDEN, 3 * HIDDEN, low=-0.5, high=0.5), data(3 * HIDDEN)
Q, K, V = data(N, S, HIDDEN, seed=1), data(N, 7, HIDDEN, seed=2), data(N, 7, HIDDEN, seed=3)
LENGTHS, RAW = np.int32([3, 5]), np.int32([[1, 1, 0, 0, 0], [1, 0, 1, 1, 1]])
PAIRS = (data(N, S, S) > -0.5).astype(np.int32) | np.eye(S, dtype=np.int32)
PAST = data(2, N, HEADS, 3, SIZE)
ADDED = data(N, HEADS, S, S)
KEYS_MASK = np.int32([[1, 1, 1, 0, 0, 1, 0], [1] * 7])
COS, SIN = np.cos(data(16, 2)), np.sin(data(16, 2))
IDS, KINDS = np.int32([[1, 4, 0, 2, 2], [3, 3, 1, 0, 4]]), np.int32([[0, 0, 1, 1, 1], [0, 1, 1, 1, 1]])
PLACES = np.int64([[0, 1, 2, 3, 4], [9, 7, 5, 3, 1]])
TABLES = (data(6, 8), data(9, 8, seed=1), data(2, 8, seed=2), data(8, low=0.5), data(8))


def microsoft(name: str, op_type: str, inputs: Any, outputs: int = 1, constants: Any = (), **attributes: Any) -> Case:
    """A case in ONNX Runtime's domain."""
    given = {"dynamic": None, "judge": "onnxruntime", "domain": "com.microsoft", "atol": 1e-4}
    return Case(name, op_type, inputs, attributes, constants, outputs, **given)


def _grouped(length: int, past: int) -> tuple[Array | None, ...]:
    """4 heads of size 16 that share 2 for keys and values."""
    total = np.array(length + past, np.int32)
    before = (data(1, 2, past, 16, seed=4), data(1, 2, past, 16, seed=5)) if past else (None, None)
    q, k, v = data(1, length, 64), data(1, length, 32, seed=1), data(1, length, 32, seed=2)
    return (q, k, v, *before, np.int32([[length + past - 1]]), total)


TURN = (np.cos(data(16, 8)), np.sin(data(16, 8)))
ADDED_TO_ALL, ADDED_TO_EACH = data(1, 1, 5, 5), data(1, 4, 5, 5)
GROUPS = {"num_heads": 4, "kv_num_heads": 2}
PACKED = (data(1, 5, 128), None, None, None, None, np.int32([[4]]), np.array(5, np.int32))
QINT, WINT = data(N, S, HIDDEN, low=0, high=255, dtype="uint8"), data(HIDDEN, 36, low=-90, high=90, dtype="int8")
SCALES = (B, np.float32(0.02), np.float32(0.01))

CASES = [
    microsoft("plain", "Attention", (X, W, B), constants=(1, 2), num_heads=HEADS),
    microsoft("no bias", "Attention", (X, W), constants=(1,), num_heads=HEADS),
    microsoft("lengths", "Attention", (X, W, B, LENGTHS), constants=(1, 2), num_heads=HEADS),
    microsoft("mask", "Attention", (X, W, B, RAW), constants=(1, 2), num_heads=HEADS, mask_filter_value=-50.0),
    microsoft("mask of pairs", "Attention", (X, W, B, PAIRS), constants=(1, 2), num_heads=HEADS),
    microsoft("causal", "Attention", (X, W, B), constants=(1, 2), num_heads=HEADS, unidirectional=1),
    microsoft("causal mask", "Attention", (X, W, B, RAW | 1), constants=(1, 2), num_heads=HEADS, unidirectional=1),
    microsoft("scale", "Attention", (X, W, B), constants=(1, 2), num_heads=HEADS, scale=0.3),
    microsoft("added", "Attention", (X, W, B, None, None, ADDED), constants=(1, 2), num_heads=HEADS),
    microsoft("past", "Attention", (X, W, B, None, PAST), 2, (1, 2), num_heads=HEADS, unidirectional=1),
    microsoft("present", "Attention", (X, W, B), 2, (1, 2), num_heads=HEADS),
    microsoft("other sizes", "Attention", (X, W, B), constants=(1, 2), num_heads=2, qkv_hidden_sizes=[8, 8, 20]),
    microsoft("weights at run time", "Attention", (X, W, B), num_heads=HEADS),
    microsoft("crossed", "MultiHeadAttention", (Q, K, V), num_heads=HEADS),
    microsoft("bias", "MultiHeadAttention", (Q, K, V, B), constants=(3,), num_heads=HEADS),
    microsoft("keys masked", "MultiHeadAttention", (Q, K, V, None, KEYS_MASK), num_heads=HEADS),
    microsoft("causal", "MultiHeadAttention", (Q, Q, X), num_heads=HEADS, unidirectional=1),
    microsoft("added", "MultiHeadAttention", (Q, Q, X, None, None, ADDED), num_heads=HEADS, scale=0.4),
    microsoft("past", "MultiHeadAttention", (Q, K, V, None, None, None, PAST[0], PAST[1]), 3, num_heads=HEADS),
    microsoft("as heads", "MultiHeadAttention", (Q, data(N, 3, 7, 4), data(N, 3, 7, 4, seed=1)), num_heads=HEADS),
    microsoft("prompt", "GroupQueryAttention", _grouped(5, 0), 3, **GROUPS),
    microsoft("added", "GroupQueryAttention", (*_grouped(5, 0), None, None, None, ADDED_TO_ALL), 3, **GROUPS),
    microsoft("added to heads", "GroupQueryAttention", (*_grouped(5, 0), None, None, None, ADDED_TO_EACH), 3, **GROUPS),
    microsoft("one more", "GroupQueryAttention", _grouped(1, 6), 3, **GROUPS),
    microsoft("turned", "GroupQueryAttention", (*_grouped(5, 0), *TURN), 3, (7, 8), do_rotary=1, **GROUPS),
    microsoft("one more turned", "GroupQueryAttention", (*_grouped(1, 6), *TURN), 3, (7, 8), do_rotary=1, **GROUPS),
    microsoft("turned in pairs", "GroupQueryAttention", (*_grouped(5, 0), *TURN), 3, (7, 8), do_rotary=1,
              rotary_interleaved=1, **GROUPS),
    microsoft("window", "GroupQueryAttention", _grouped(6, 0), 3, local_window_size=3, **GROUPS),
    microsoft("cap", "GroupQueryAttention", _grouped(5, 0), 3, softcap=0.5, scale=0.7, **GROUPS),
    microsoft("packed", "GroupQueryAttention", PACKED, 3, **GROUPS),
    microsoft("offset", "RotaryEmbedding", (X, np.int64([2]), COS, SIN), constants=(2, 3), num_heads=0),
    microsoft("places", "RotaryEmbedding", (X, PLACES, COS, SIN), constants=(2, 3)),
    microsoft("pairs", "RotaryEmbedding", (X, np.int64([2]), COS, SIN), constants=(2, 3), interleaved=1),
    microsoft("heads", "RotaryEmbedding", (data(N, HEADS, S, SIZE), np.int64([0]), COS, SIN), constants=(2, 3)),
    microsoft("some of it", "RotaryEmbedding", (data(N, S, 24), np.int64([1]), COS, SIN), constants=(2, 3), num_heads=3,
              rotary_embedding_dim=4),
    microsoft("words", "EmbedLayerNormalization", (IDS, KINDS, *TABLES), 2, (2, 3, 4, 5, 6), epsilon=1e-5),
    microsoft("masked words", "EmbedLayerNormalization", (IDS, KINDS, *TABLES, RAW), 3, (2, 3, 4, 5, 6)),
    microsoft("one kind", "EmbedLayerNormalization", (IDS, None, *TABLES[:2], None, *TABLES[3:]), 2, (2, 3, 5, 6)),
    microsoft("places", "EmbedLayerNormalization", (IDS, KINDS, *TABLES, None, IDS), 2, (2, 3, 4, 5, 6)),
    microsoft("integers", "QAttention", (QINT, WINT, *SCALES, None, np.uint8(120), np.int8(0)),
              constants=(1, 2, 3, 4, 6, 7), num_heads=HEADS),
    microsoft("integers masked", "QAttention", (QINT, WINT, *SCALES, LENGTHS, np.uint8(120), np.int8(0)),
              constants=(1, 2, 3, 4, 6, 7), num_heads=HEADS),
]  # fmt: skip
