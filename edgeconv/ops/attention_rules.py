"""Import rules of the attention operators that ONNX Runtime's transformer optimizer writes: taken apart.

Products by constant weights become layers of their own for queries, keys and values, so that each has scales of its own
in int8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeconv.core import Shape
from edgeconv.ops.add import Add
from edgeconv.ops.attention import attend, causal, join_heads, padding, part, positions, rotated, split_heads
from edgeconv.ops.base import Expr, Ref, ShapeError, Typed, expr_type
from edgeconv.ops.cast import Cast
from edgeconv.ops.concat import Concat
from edgeconv.ops.erf import Gelu
from edgeconv.ops.gather import Gather
from edgeconv.ops.layer_norm import LayerNorm
from edgeconv.ops.matmul import product
from edgeconv.ops.mul import Mul
from edgeconv.ops.onnx_rules import Noted, Unsupported, onnx_rule
from edgeconv.ops.qdq import dequantized
from edgeconv.ops.reduce import ReduceSum
from edgeconv.ops.reshape import reshape_to
from edgeconv.ops.shape import Dims

__all__: list[str] = []

_MICROSOFT = "com.microsoft"
_PLAIN = "optimize the model with ONNX Runtime's basic level, or convert the model it came from"


def _require_absent(**inputs: Ref | None) -> None:
    for name, ref in inputs.items():
        if ref is not None:
            raise Unsupported(f"its input {name!r} is for decoding on one device's buffers; {_PLAIN}")


def _linear(x: Expr, weights: Typed, bias: Ref | None, start: int, end: int) -> Expr:
    """x times some columns of the weights, plus their bias."""
    columns = part(weights, start, end, 1)
    value = expr_type(weights).value
    y = product(x, columns if value is None else np.ascontiguousarray(value[:, start:end]))
    return y if bias is None else Add()(y, part(bias, start, end, 0))


def _with_past(k: Expr, v: Expr, past: Ref | None) -> tuple[Expr, Expr, Expr | None]:
    """Keys and values behind those of earlier calls (2, N, heads, P, size), and all of them for the next one."""
    if past is not None:
        before = [Gather(0)(past, np.array(place, np.int64)) for place in (0, 1)]
        k, v = Concat(2)(before[0], k), Concat(2)(before[1], v)
    stacked = [reshape_to(x, expr_type(x).shape, (1, *expr_type(x).shape)) for x in (k, v)]
    return k, v, Concat(0)(*stacked)


def _attention(
    x: Expr,
    weights: Typed,
    bias: Ref | None,
    mask: Ref | None,
    past: Ref | None,
    added: Ref | None,
    sizes: Sequence[int],
    heads: int,
    hidden: float,
    scale: float,
    is_causal: bool,
    outputs: int,
) -> tuple[Expr | None, ...]:
    """Attention of x to itself; `sizes`: columns of the weights for queries, keys and values."""
    ends = np.cumsum(sizes).tolist()
    pairs = zip([0, *ends], ends, strict=False)
    q, k, v = (split_heads(_linear(x, weights, bias, *pair), heads) for pair in pairs)
    k, v, present = _with_past(k, v, past)
    masks = (None if mask is None else padding(mask, k, hidden), causal(q, k) if is_causal else None)
    return (join_heads(attend(q, k, v, scale, *masks, added)), present)[:outputs]


@onnx_rule("Attention", domain=_MICROSOFT)
def import_attention(
    x: Ref,
    weights: Ref,
    bias: Ref | None = None,
    mask_index: Ref | None = None,
    past: Ref | None = None,
    attention_bias: Ref | None = None,
    past_sequence_length: Ref | None = None,
    *,
    num_heads: int,
    qkv_hidden_sizes: Sequence[int] = (),
    mask_filter_value: float = -10000.0,
    scale: float = 0.0,
    unidirectional: int = 0,
    do_rotary: int = 0,
    rotary_embedding_dim: int = 0,
    past_present_share_buffer: int = 0,
    outputs: int = 1,
) -> tuple[Expr | None, ...]:
    """Attention of a sequence to itself, with the projections before it."""
    _require_absent(past_sequence_length=past_sequence_length)
    width = weights.type.shape[-1]
    if do_rotary or past_present_share_buffer or not isinstance(width, int) or weights.type.rank != 2:
        raise Unsupported(f"it turns what it compares, or shares its buffers; {_PLAIN}")
    sizes = tuple(qkv_hidden_sizes) or (width // 3,) * 3
    return _attention(
        x, weights, bias, mask_index, past, attention_bias, sizes, num_heads, mask_filter_value, scale,
        bool(unidirectional), outputs,
    )  # fmt: skip


@onnx_rule("QAttention", domain=_MICROSOFT)
def import_quantized_attention(
    x: Ref,
    weight: Ref,
    bias: Ref,
    input_scale: Ref,
    weight_scale: Ref,
    mask_index: Ref | None = None,
    input_zero_point: Ref | None = None,
    weight_zero_point: Ref | None = None,
    past: Ref | None = None,
    *,
    num_heads: int,
    unidirectional: int = 0,
    mask_filter_value: float = -10000.0,
    scale: float = 0.0,
    do_rotary: int = 0,
    past_present_share_buffer: int = 0,
    outputs: int = 1,
) -> tuple[Expr | None, ...]:
    """Attention of the real values behind integers, with weights that are integers."""
    width = weight.type.shape[-1]
    if do_rotary or past_present_share_buffer or not isinstance(width, int):
        raise Unsupported(f"it turns what it compares, or shares its buffers; {_PLAIN}")
    real = dequantized(x, input_scale, input_zero_point)
    weights = dequantized(weight, weight_scale, weight_zero_point, axis=-1)
    return _attention(
        real, weights, bias, mask_index, past, None, (width // 3,) * 3, num_heads, mask_filter_value, scale,
        bool(unidirectional), outputs,
    )  # fmt: skip


@onnx_rule("MultiHeadAttention", domain=_MICROSOFT)
def import_multi_head_attention(
    query: Ref,
    key: Ref | None = None,
    value: Ref | None = None,
    bias: Ref | None = None,
    key_padding_mask: Ref | None = None,
    attention_bias: Ref | None = None,
    past_key: Ref | None = None,
    past_value: Ref | None = None,
    past_sequence_length: Ref | None = None,
    cache_indirection: Ref | None = None,
    *,
    num_heads: int,
    mask_filter_value: float = -10000.0,
    scale: float = 0.0,
    unidirectional: int = 0,
    outputs: int = 1,
) -> tuple[Expr | None, ...]:
    """Attention of queries to keys, whose projections stand before it."""
    _require_absent(past_sequence_length=past_sequence_length, cache_indirection=cache_indirection)
    if outputs > 3:
        raise Unsupported(f"its scores are an output, too; {_PLAIN}")
    if key is None or value is None:
        raise Unsupported(f"its keys and values are packed into other inputs; {_PLAIN}")
    parts = _biased((query, key, value), bias)
    q, k, v = (part if expr_type(part).rank == 4 else split_heads(part, num_heads) for part in parts)
    if past_key is not None and past_value is not None:
        k, v = Concat(2)(past_key, k), Concat(2)(past_value, v)
    hidden = None if key_padding_mask is None else padding(key_padding_mask, k, mask_filter_value)
    y = attend(q, k, v, scale, hidden, causal(q, k) if unidirectional else None, attention_bias)
    return (join_heads(y), k, v)[:outputs]


def _biased(parts: tuple[Expr, Expr, Expr], bias: Ref | None) -> list[Expr]:
    """The parts with their share of the bias, one after another."""
    if bias is None:
        return list(parts)
    found, start = list[Expr](), 0
    for each in parts:
        width = expr_type(each).shape[-1]
        if expr_type(each).rank != 3 or not isinstance(width, int):
            raise Unsupported(f"it adds a bias to {expr_type(each)}; {_PLAIN}")
        found.append(Add()(each, part(bias, start, start + width, 0)))
        start += width
    return found


@onnx_rule("GroupQueryAttention", domain=_MICROSOFT)
def import_group_query_attention(
    query: Ref,
    key: Ref | None = None,
    value: Ref | None = None,
    past_key: Ref | None = None,
    past_value: Ref | None = None,
    seqlens_k: Ref | None = None,
    total_sequence_length: Ref | None = None,
    cos_cache: Ref | None = None,
    sin_cache: Ref | None = None,
    position_ids: Ref | None = None,
    attention_bias: Ref | None = None,
    *,
    num_heads: int,
    kv_num_heads: int,
    scale: float = 0.0,
    softcap: float = 0.0,
    local_window_size: int = -1,
    do_rotary: int = 0,
    rotary_interleaved: int = 0,
    smooth_softmax: int = 0,
    outputs: int = 1,
) -> Noted:
    """Causal attention whose keys and values serve several heads each; all samples of a batch are equally long."""
    if smooth_softmax > 0 or outputs > 3:
        raise Unsupported(f"its softmax is smooth, or its scores are an output, too; {_PLAIN}")
    q, k, v = _grouped(query, key, value, num_heads, kv_num_heads)
    if do_rotary:
        if cos_cache is None or sin_cache is None:
            raise ShapeError("it turns queries and keys, but has no tables of angles")
        places: Expr = positions(q, 2) if position_ids is None else position_ids
        if position_ids is None and past_key is not None:
            past = past_key.type.shape[2]
            before: Expr = np.array(past, np.int64) if isinstance(past, int) else Dims((1,), (2,), (0,), ())(past_key)
            places = Add()(places, before)
        q, k = (rotated(x, places, cos_cache, sin_cache, is_interleaved=bool(rotary_interleaved)) for x in (q, k))
    if past_key is not None and past_value is not None:
        k, v = Concat(2)(past_key, k), Concat(2)(past_value, v)
    hidden = causal(q, k, local_window_size)
    per_group = _in_groups(q, kv_num_heads, num_heads // kv_num_heads)
    keys, values = (reshape_to(x, expr_type(x).shape, _with_group(x)) for x in (k, v))
    y = attend(per_group, keys, values, scale, hidden, _group_bias(attention_bias, kv_num_heads), softcap=softcap)
    shape = expr_type(q).shape
    found = (join_heads(reshape_to(y, expr_type(y).shape, (*shape[:3], expr_type(v).shape[3]))), k, v)[:outputs]
    return Noted(found, "it takes all samples of a batch as equally long, without padding (seqlens_k is not used)")


def _grouped(query: Ref, key: Ref | None, value: Ref | None, heads: int, shared: int) -> tuple[Expr, Expr, Expr]:
    """Queries, keys and values as heads; from one packed input where there are no keys."""
    if key is not None and value is not None:
        return split_heads(query, heads), split_heads(key, shared), split_heads(value, shared)
    width = query.type.shape[-1]
    if not isinstance(width, int) or width % (heads + 2 * shared):
        raise ShapeError(f"{query.type} does not hold {heads} heads and {shared} for keys and values")
    size = width // (heads + 2 * shared)
    ends = [heads * size, (heads + shared) * size, width]
    q, k, v = (part(query, start, end, 2) for start, end in zip([0, *ends], ends, strict=False))
    return split_heads(q, heads), split_heads(k, shared), split_heads(v, shared)


def _in_groups(q: Expr, shared: int, group: int) -> Expr:
    batch, _, length, size = expr_type(q).shape
    return reshape_to(q, expr_type(q).shape, (batch, shared, group, length, size))


def _with_group(x: Expr) -> Shape:
    batch, shared, length, size = expr_type(x).shape
    return batch, shared, 1, length, size


def _group_bias(bias: Ref | None, shared: int) -> Expr | None:
    """What is added to the scores, (N or 1, heads or 1, S, T), for heads in groups."""
    if bias is None:
        return None
    batch, heads, *rest = bias.type.shape
    if heads == 1:
        return reshape_to(bias, bias.type.shape, (batch, 1, 1, *rest))
    if not isinstance(heads, int):
        raise Unsupported(f"the heads of {bias.type} are not known; fix them with --input-shape")
    return reshape_to(bias, bias.type.shape, (batch, shared, heads // shared, *rest))


@onnx_rule("RotaryEmbedding", domain=_MICROSOFT)
def import_rotary_embedding(
    x: Ref,
    position_ids: Ref,
    cos_cache: Ref,
    sin_cache: Ref,
    *,
    interleaved: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
    is_packed_batching: int = 0,
    scale: float = 1.0,
) -> Expr:
    """Pairs of elements turned by angles that grow with the position."""
    if is_packed_batching:
        raise Unsupported(f"it packs samples of several lengths; {_PLAIN}")
    half, is_flat = cos_cache.type.shape[-1], x.type.rank == 3
    width = x.type.shape[-1]
    if is_flat and not num_heads and (not isinstance(half, int) or not isinstance(width, int)):
        raise Unsupported(f"its number of heads is not known, nor that of {x.type}; {_PLAIN}")
    heads = num_heads or (width // (2 * half) if isinstance(width, int) and isinstance(half, int) else 1)
    inside = split_heads(x, heads) if is_flat else x
    places: Expr = position_ids
    if position_ids.type.rank == 1:
        places = Add()(positions(inside, 2), position_ids)
    y = rotated(inside, places, cos_cache, sin_cache, is_interleaved=bool(interleaved), scale=scale)
    return join_heads(y) if is_flat else y


@onnx_rule("EmbedLayerNormalization", domain=_MICROSOFT)
def import_embed_layer_norm(
    input_ids: Ref,
    segment_ids: Ref | None = None,
    word_embedding: Ref | None = None,
    position_embedding: Ref | None = None,
    segment_embedding: Ref | None = None,
    gamma: Ref | None = None,
    beta: Ref | None = None,
    mask: Ref | None = None,
    position_ids: Ref | None = None,
    *,
    epsilon: float = 1e-12,
    mask_index_type: int = 1,
    outputs: int = 1,
) -> tuple[Expr | None, ...]:
    """The sum of embeddings of words, positions and segments, normalized; the number of unmasked words; the sum."""
    if word_embedding is None or position_embedding is None or gamma is None:
        raise ShapeError("it needs embeddings of words and positions, and what scales them")
    places: Expr = positions(input_ids, 1) if position_ids is None else position_ids
    summed: Expr = Add()(Gather(0)(word_embedding, input_ids), Gather(0)(position_embedding, places))
    if segment_ids is not None and segment_embedding is not None:
        summed = Add()(summed, Gather(0)(segment_embedding, segment_ids))
    y = LayerNorm(2, epsilon)(summed, gamma, beta)
    words = Cast("int32")(input_ids) if mask is None else Cast("int32")(mask)
    counted = words if mask is not None else Mul()(words, np.array(0, np.int32))
    return (y, ReduceSum((1,), False)(counted) if outputs > 1 else None, summed)[:outputs]


@onnx_rule("BiasSplitGelu", domain=_MICROSOFT)
def import_bias_split_gelu(x: Ref, bias: Ref) -> Expr:
    """The first half of x + bias, times Gelu of the second."""
    width = x.type.shape[-1]
    if not isinstance(width, int) or width % 2:
        raise ShapeError(f"{x.type} has no two halves")
    summed = Add()(x, bias)
    return Mul()(part(summed, 0, width // 2, -1), Gelu()(part(summed, width // 2, width, -1)))


@onnx_rule("BiasAdd", domain=_MICROSOFT)
def import_bias_add(x: Ref, bias: Ref, skip: Ref) -> Expr:
    """x + bias + skip."""
    return Add()(Add()(x, bias), skip)
