"""What the import rules of ONNX Runtime's attention operators share: heads, masks, rotary positions, attention itself.

Sequences are (N, S, hidden) outside, (N, heads, S, size) inside; masks are added to the scores.
"""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, Dim
from edgeconv.ops.add import Add, Sub
from edgeconv.ops.base import Expr, Ref, ShapeError, expr_type
from edgeconv.ops.cast import Cast
from edgeconv.ops.compare import Less, LessOrEqual
from edgeconv.ops.concat import Concat
from edgeconv.ops.elementwise import Tanh
from edgeconv.ops.gather import Gather
from edgeconv.ops.logic import And
from edgeconv.ops.matmul import MatMul
from edgeconv.ops.mul import Mul
from edgeconv.ops.onnx_rules import Unsupported
from edgeconv.ops.range import Range
from edgeconv.ops.reshape import Reshape, reshape_to
from edgeconv.ops.shape import Dims
from edgeconv.ops.slice import EVERYTHING, Slice
from edgeconv.ops.softmax import Softmax
from edgeconv.ops.transpose import Transpose
from edgeconv.ops.where import Where

__all__ = ["attend", "causal", "join_heads", "padding", "part", "positions", "rotated", "split_heads"]

_NEVER = np.float32(np.finfo(np.float32).min)
_ZERO = np.float32(0)


def split_heads(x: Expr, heads: int) -> Expr:
    """(N, S, hidden) -> (N, heads, S, hidden / heads)."""
    width = expr_type(x).shape[-1]
    if not isinstance(width, int) or heads < 1 or width % heads:
        raise ShapeError(f"{heads} heads do not share {expr_type(x)}")
    return Transpose((0, 2, 1, 3))(Reshape((0, 0, heads, width // heads))(x))


def join_heads(x: Expr) -> Expr:
    """(N, heads, S, size) -> (N, S, heads * size)."""
    _, heads, _, size = expr_type(x).shape
    if not isinstance(heads, int) or not isinstance(size, int):
        raise ShapeError(f"the heads of {expr_type(x)} are not known")
    return Reshape((0, 0, heads * size))(Transpose((0, 2, 1, 3))(x))


def part(x: Expr, start: int, end: int, axis: int) -> Expr:
    """x from `start` to before `end` along `axis`."""
    return Slice((start,), (end,), (axis % expr_type(x).rank,), (1,))(x)


def size_of(x: Expr, axis: int) -> Expr:
    """A dimension of x, as a number."""
    dim = expr_type(x).shape[axis]
    return np.array(dim, np.int64) if isinstance(dim, int) else Dims((1,), (axis,), (0,), ())(x)


def positions(x: Expr, axis: int) -> Expr:
    """0, 1, ... along a dimension of x."""
    return Range()(np.array(0, np.int64), size_of(x, axis), np.array(1, np.int64))


def causal(q: Expr, k: Expr, window: int = -1) -> Expr:
    """What hides from each query of (N, heads, S, size) the keys that come after it, the last query seeing all.

    window: of those before it, only so many are seen.
    """
    rows = Add()(positions(q, 2), Sub()(size_of(k, 2), size_of(q, 2)))
    rows, columns = Reshape((-1, 1))(rows), positions(k, 2)
    seen: Expr = LessOrEqual()(columns, rows)
    if window > 0:
        seen = And()(seen, Less()(rows, Add()(columns, np.array(window, np.int64))))
    return Where()(seen, np.array(_ZERO), np.array(_NEVER))


def padding(mask: Ref, k: Expr, hidden: float) -> Expr:
    """A mask of keys (N, T), of pairs (N, S, T), or the number of keys of each sample (N), as what is added."""
    batch: Dim = expr_type(k).shape[0]
    known = mask.type
    if known.rank == 1 and known.shape[0] == batch:
        lengths = Reshape((-1, 1, 1, 1))(Cast("int64")(mask))
        seen: Expr = Less()(positions(k, 2), lengths)
    elif known.rank == 2:
        seen = Reshape((0, 1, 1, -1))(Cast("bool")(mask))
    elif known.rank == 3:
        seen = Cast("bool")(reshape_to(mask, known.shape, (known.shape[0], 1, *known.shape[1:])))
    else:
        raise Unsupported(f"its mask {known} is none of (N,), (N, keys) and (N, queries, keys); export it with these")
    return Where()(seen, np.array(_ZERO), np.array(hidden, np.float32))


def attend(q: Expr, k: Expr, v: Expr, scale: float, *added: Expr | None, softcap: float = 0.0) -> Expr:
    """softmax(scale * q k' + added) v, all of (N, heads, S, size). scale: 0 for 1 / sqrt(size)."""
    rank, size = expr_type(q).rank, expr_type(q).shape[-1]
    if not isinstance(size, int):
        raise ShapeError(f"the size of the heads in {expr_type(q)} is not known")
    turned = Transpose((*range(rank - 2), rank - 1, rank - 2))(k)
    scores: Expr = Mul()(MatMul()(q, turned), np.array(scale or size**-0.5, np.float32))
    if softcap:
        scores = Mul()(Tanh()(Mul()(scores, np.array(1 / softcap, np.float32))), np.array(softcap, np.float32))
    for each in added:
        scores = scores if each is None else Add()(scores, each)
    return MatMul()(Softmax(rank - 1)(scores), v)


def rotated(x: Expr, places: Expr, cosines: Expr, sines: Expr, *, is_interleaved: bool, scale: float = 1.0) -> Expr:
    """(N, heads, S, size), turned by the angles of its `places` (S,) or (N, S); rows of the tables hold half a turn.

    What lies beyond twice the width of the tables stays as it is.
    """
    half, size = expr_type(cosines).shape[-1], expr_type(x).shape[-1]
    if not isinstance(half, int) or not isinstance(size, int) or 2 * half > size:
        raise ShapeError(f"tables {expr_type(cosines)} do not fit {expr_type(x)}")
    cosine, sine = (_rows(table, places, half) for table in (cosines, sines))
    turning = part(x, 0, 2 * half, -1) if 2 * half < size else x
    starts = ((0, 2 * half, 2), (1, 2 * half, 2)) if is_interleaved else ((0, half, 1), (half, 2 * half, 1))
    a, b = (Slice((start,), (end,), (3,), (step,))(turning) for start, end, step in starts)
    real = Sub()(Mul()(a, cosine), Mul()(b, sine))
    imaginary = Add()(Mul()(b, cosine), Mul()(a, sine))
    y: Expr = Concat(3)(real, imaginary)
    if is_interleaved:
        order: Array = np.arange(2 * half, dtype=np.int64).reshape(2, half).T.reshape(-1)
        y = Gather(3)(y, order)
    if scale != 1:
        y = Mul()(y, np.array(scale, np.float32))
    return y if 2 * half == size else Concat(3)(y, part(x, 2 * half, EVERYTHING, -1))


def _rows(table: Expr, places: Expr, half: int) -> Expr:
    """The rows of a table at `places`, to broadcast against (N, heads, S, half)."""
    rows = Gather(0)(table, places)
    return Reshape((1, 1, -1, half))(rows) if expr_type(places).rank == 1 else Reshape((0, 1, -1, half))(rows)
