"""Attributes and inputs that no sound file has: pooling, reductions, norms, resizing, recurrence. All are refused."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from edgeconv.core import QParams, TensorType, type_of
from edgeconv.dims import symbol
from edgeconv.ops.arg_extreme import ArgMax
from edgeconv.ops.average_pool import AveragePool
from edgeconv.ops.base import Operator, ShapeError, infer_types
from edgeconv.ops.batch_norm import BatchNorm
from edgeconv.ops.block_moves import DepthToSpace, SpaceToDepth
from edgeconv.ops.conv_transpose import ConvTranspose
from edgeconv.ops.cum_sum import CumSum
from edgeconv.ops.group_norm import GroupNorm
from edgeconv.ops.gru import GRU
from edgeconv.ops.interpolate import Interpolate
from edgeconv.ops.layer_norm import LayerNorm, RmsNorm
from edgeconv.ops.lp_pool import LpPool
from edgeconv.ops.lstm import LSTM
from edgeconv.ops.max_pool import MaxPool
from edgeconv.ops.reduce import ReduceMax, ReduceMean
from edgeconv.ops.resize import ResizeNearest
from edgeconv.ops.rnn import RNN
from edgeconv.ops.simple_norms import LocalResponseNorm, LpNorm, MeanVarianceNorm
from edgeconv.ops.softmax import LogSoftmax, Softmax
from edgeconv.ops.top_k import TopK


def real(*shape: int) -> TensorType:
    return TensorType("float32", shape)


def ints(*shape: int) -> TensorType:
    return TensorType("int64", shape)


Q = QParams.per_tensor(0.1, 0)
X, P = real(2, 4, 6, 6), real(4)
INT8 = TensorType("int8", X.shape, Q)
INT16 = TensorType("int16", X.shape, Q)
BARE_INT8 = TensorType("int8", X.shape)
ONES, NONE = (1, 1), (0, 0, 0, 0)
TABLE = np.arange(256, 0, -1, np.int32)
RISING = np.arange(256, dtype=np.int32)
STATES = (1.0, 1.0)


def max_pool(kernel: tuple[int, ...] = (2, 2), **changes: object) -> MaxPool:
    return replace(MaxPool(kernel, ONES, NONE, ONES), **changes)


def rnn(**changes: object) -> RNN:
    return replace(RNN(3, "forward", ("tanh",), (0.0,), (0.0,), inf, False), **changes)


LSTM_OP = LSTM(3, "forward", ("sigmoid", "tanh", "tanh"), (0.0,) * 3, (0.0,) * 3, inf, False)
SEQUENCE, W, R = real(5, 2, 4), real(1, 3, 4), real(1, 3, 3)

REFUSED: list[tuple[str, Operator, list[TensorType], str]] = [
    ("pool rank", max_pool(), [real(4, 4)], "spatial"),
    ("pool bool", max_pool(), [TensorType("bool", X.shape)], "numbers"),
    ("pool kernel count", max_pool((2,)), [X], "positive"),
    ("pool kernel 0", max_pool((0, 2)), [X], "positive"),
    ("pool stride 0", max_pool(strides=(0, 1)), [X], "positive"),
    ("pool negative pads", max_pool(pads=(0, 0, 0, -1)), [X], "none negative"),
    ("pool too large", max_pool((7, 7)), [X], "does not fit"),
    ("pool wholly padding", max_pool(pads=(2, 0, 0, 0)), [X], "smaller than the window"),
    ("pool endless", max_pool((1 << 40, 1), pads=((1 << 40) - 1, 0, (1 << 40) - 1, 0)), [X], "longer"),
    ("average of integers", AveragePool((2, 2), ONES, NONE, ONES), [ints(1, 2, 6, 6)], "real"),
    ("average without scale", AveragePool((2, 2), ONES, NONE, ONES), [BARE_INT8], "real"),
    ("lp of integers", LpPool((2, 2), ONES, NONE, ONES), [ints(1, 2, 6, 6)], "real"),
    ("lp p 0", LpPool((2, 2), ONES, NONE, ONES, False, 0), [X], "at least 1"),
    ("reduce axis", ReduceMax((4,)), [X], "axes"),
    ("reduce negative axis", ReduceMax((-1,)), [X], "axes"),
    ("reduce axes repeated", ReduceMax((1, 1)), [X], "axes"),
    ("reduce axes unsorted", ReduceMax((2, 1)), [X], "axes"),
    ("mean of nothing", ReduceMean((1,)), [real(2, 0)], "no elements"),
    ("argmax axis", ArgMax(4), [X], "axis 4"),
    ("argmax of nothing", ArgMax(1), [real(2, 0)], "no elements"),
    ("cumsum axis", CumSum(-1), [X], "axis -1"),
    ("topk axis", TopK(9, 1), [X], "axis 9"),
    ("topk too many", TopK(1, 5), [X], "k=5"),
    ("topk negative", TopK(1, -1), [X], "k=-1"),
    ("softmax axis", Softmax(4), [X], "axis 4"),
    ("softmax of integers", Softmax(1), [ints(2, 3)], "real number"),
    ("softmax of nothing", LogSoftmax(1), [real(2, 0)], "real number"),
    ("softmax int8 without table", Softmax(1), [INT8], "real number"),
    ("softmax float with table", Softmax(1), [X, type_of(TABLE)], "quantized input"),
    ("softmax without scale", Softmax(1), [BARE_INT8, type_of(TABLE)], "quantized input"),
    ("softmax too long", Softmax(0), [TensorType("int8", (1 << 24,), Q), type_of(TABLE)], "quantized input"),
    ("softmax table at run time", Softmax(1), [INT8, TensorType("int32", (256,))], "table"),
    ("softmax table dtype", Softmax(1), [INT8, type_of(TABLE.astype(np.int64))], "table"),
    ("softmax table shape", Softmax(1), [INT8, type_of(TABLE[1:])], "table"),
    ("softmax table rises", Softmax(1), [INT8, type_of(RISING)], "table"),
    ("softmax table too large", Softmax(1), [INT8, type_of(TABLE + (1 << 30))], "table"),
    ("softmax int16 without coarse steps", Softmax(1), [INT16, type_of(TABLE[:16])], "table"),
    ("softmax int16 table too long", Softmax(1), [INT16, type_of(np.ones(273, np.int32) << 30)], "table"),
    ("softmax int16 table of rows", Softmax(1), [INT16, type_of(TABLE[None] << 22)], "table"),
    ("softmax int16 table of nothing", Softmax(1), [INT16, type_of(np.ones(40, np.int32))], "table"),
    ("softmax int16 table negative", Softmax(1), [INT16, type_of((TABLE[:40] << 22) - (218 << 22))], "table"),
    ("softmax int16 table too large", Softmax(1), [INT16, type_of((np.ones(40, np.int32) << 30) + 1)], "table"),
    ("softmax table negative", Softmax(1), [INT8, type_of(TABLE - 2)], "table"),
    ("layer norm axis", LayerNorm(4), [X, real(1)], "axis 4"),
    ("layer norm scale", LayerNorm(3), [X, real(5)], "broadcast"),
    ("layer norm larger scale", LayerNorm(1), [real(2, 1), real(2, 7)], "broadcast"),
    ("layer norm integer bias", LayerNorm(3), [X, real(6), ints(6)], "must be real"),
    ("layer norm negative epsilon", LayerNorm(3, -1.0), [X, real(6)], "epsilon"),
    ("layer norm epsilon nan", RmsNorm(3, nan), [X, real(6)], "epsilon"),
    ("layer norm integers", LayerNorm(1), [ints(2, 6), real(6)], "real"),
    ("layer norm empty row", LayerNorm(1), [real(2, 0), real(1)], "0 elements"),
    ("layer norm long row", LayerNorm(1), [TensorType("int8", (2, 1 << 19), Q), real(1)], "elements"),
    ("batch norm rank", BatchNorm(), [real(4), P, P, P, P], "batch and channels"),
    ("batch norm channels", BatchNorm(), [X, P, P, P, real(3)], "each channel"),
    ("batch norm integers", BatchNorm(), [X, P, ints(4), P, P], "each channel"),
    ("batch norm without scale", BatchNorm(), [BARE_INT8, P, P, P, P], "real"),
    ("group norm groups", GroupNorm(3), [X, P, P], "3 equal groups"),
    ("group norm no groups", GroupNorm(0), [X, P, P], "0 equal groups"),
    ("group norm channels", GroupNorm(2), [X, P, real(2)], "each channel"),
    ("group norm channels unknown", GroupNorm(2), [TensorType("float32", (1, symbol("c"), 3)), P, P], "equal groups"),
    ("lrn size", LocalResponseNorm(0, 1.0, 1.0, 1.0), [X], "size"),
    ("lp norm p", LpNorm(1, 3), [X], "norm of 1 or 2"),
    ("lp norm axis", LpNorm(7), [X], "axis 7"),
    ("mean variance axis", MeanVarianceNorm((1, 4)), [X], "axis 4"),
    ("mean variance repeated", MeanVarianceNorm((1, 1)), [X], "different axes"),
    ("conv transpose rank", ConvTranspose(ONES, NONE, ONES, (0, 0)), [X, real(3, 4, 3)], "rank"),
    ("conv transpose empty kernel", ConvTranspose(ONES, NONE, ONES, (0, 0)), [X, real(3, 4, 0, 3)], "rank"),
    ("conv transpose integers", ConvTranspose(ONES, NONE, ONES, (0, 0)), [ints(*X.shape), real(3, 4, 3, 3)], "real"),
    ("conv transpose groups", ConvTranspose(ONES, NONE, ONES, (0, 0), 2), [X, real(3, 4, 3, 3)], "2 groups"),
    ("conv transpose bias", ConvTranspose(ONES, NONE, ONES, (0, 0)), [X, real(3, 4, 3, 3), P], "bias"),
    ("conv transpose extra", ConvTranspose(ONES, NONE, ONES, (0, -1)), [X, real(3, 4, 3, 3)], "output_padding"),
    ("conv transpose pads", ConvTranspose(ONES, (5, 0, 5, 0), ONES, (0, 0)), [X, real(3, 4, 3, 3)], "leave nothing"),
    ("conv transpose empty", ConvTranspose(ONES, NONE, ONES, (0, 0)), [real(1, 4, 0, 6), real(3, 4, 3, 3)], "nothing"),
    ("resize axes", ResizeNearest((3, 2), (2.0, 2.0)), [X], "in order"),
    ("resize coordinates", ResizeNearest((2,), (2.0,), (), "crop"), [X], "crop"),
    ("resize axis", ResizeNearest((5,), (2.0,)), [X], "axis 5"),
    ("resize scale nan", ResizeNearest((2,), (nan,)), [X], "positive"),
    ("resize scale negative", ResizeNearest((2,), (-1.0,)), [X], "positive"),
    ("resize scales missing", ResizeNearest((2, 3), (2.0,)), [X], "do not fit"),
    ("resize to nothing", ResizeNearest((2,), (0.1,)), [X], "resized to 0"),
    ("resize of nothing", ResizeNearest((1,), (), (2,)), [real(2, 0)], "resized to 2"),
    ("resize nearest mode", ResizeNearest((2,), (2.0,), (), "asymmetric", nearest="up"), [X], "nearest mode"),
    ("resize sizes unknown", ResizeNearest((2,)), [X, ints(1)], "at run time"),
    ("resize contradiction", Interpolate((2,), (2.0,), (9,)), [X], "after resizing by 2.0"),
    ("resize tiny scale", Interpolate((2,), (1e-9,), (1,), antialias=True), [X], "after resizing"),
    ("resize unknown product", Interpolate((0,), (0.3,)), [TensorType("float32", (symbol("N"), 4))], "not known"),
    ("interpolate integers", Interpolate((1,), (2.0,)), [ints(2, 3)], "real numbers"),
    ("interpolate without scale", Interpolate((2,), (2.0,)), [BARE_INT8], "real numbers"),
    ("blocks of channels", DepthToSpace(3), [X], "multiples of 9"),
    ("blocks of rank", DepthToSpace(2), [real(4, 4, 4)], "rank 4"),
    ("blocks of nothing", SpaceToDepth(0), [X], "whole blocks"),
    ("blocks of plane", SpaceToDepth(4), [X], "whole blocks of 4"),
    ("recurrent rank", rnn(), [real(5, 4), W, R], "rank 3"),
    ("recurrent weight", rnn(), [SEQUENCE, real(1, 3, 5), R], "weight"),
    ("recurrent state", rnn(hidden=4), [SEQUENCE, W, R], "must have the shape"),
    ("recurrent hidden", rnn(hidden=0), [SEQUENCE, W, R], "hidden size"),
    ("recurrent clip", rnn(clip=nan), [SEQUENCE, W, R], "clip"),
    ("recurrent direction", rnn(direction="sideways"), [SEQUENCE, W, R], "sideways"),
    ("recurrent both directions", rnn(direction="bidirectional"), [SEQUENCE, W, R], "2 activations"),
    ("recurrent activation", rnn(activations=("swish",)), [SEQUENCE, W, R], "swish"),
    ("recurrent numbers", rnn(alphas=()), [SEQUENCE, W, R], "do not fit"),
    ("recurrent real lengths", rnn(), [SEQUENCE, W, R, real(1, 6), real(2)], "sequence_lens"),
    ("recurrent integer weight", rnn(), [SEQUENCE, ints(1, 3, 4), R], "real numbers"),
    ("lstm cell", LSTM_OP, [SEQUENCE, real(1, 12, 4), real(1, 12, 3), *[real(1, 24), ints(2)], R, R], "initial_h"),
    ("gru gates", GRU(3, "forward", ("sigmoid", "tanh"), STATES, STATES, inf, False), [SEQUENCE, W, R], "weight"),
]


@pytest.mark.parametrize(("op", "types", "match"), [entry[1:] for entry in REFUSED], ids=[e[0] for e in REFUSED])
def test_refused(op: Operator, types: list[TensorType], match: str) -> None:
    with pytest.raises(ShapeError, match=match):
        infer_types(op, types)
