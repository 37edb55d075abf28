"""The int8 models that go to the device: the golden ones, generated ones, real ones where EDGECONV_ASSETS is set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

import edgeconv
from benchmarks.assets import CLASSIFIERS
from edgeconv.core import Array
from tests.golden.files import MODELS, edge_file, samples
from tests.passes.building import array, model_of

__all__ = ["Network", "networks"]

_CALIBRATION = 8
_SAMPLES = 2


@dataclass(frozen=True)
class Network:
    """A model's file, and samples for its only input."""

    name: str
    edge: Path
    samples: Array


def networks(folder: Path) -> Iterator[Network]:
    """All models, converted into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        yield Network(name, edge_file(name), samples(name)[:_SAMPLES])
    for name, (shape, model) in _generated().items():
        drawn = np.random.default_rng(len(name)).standard_normal((_CALIBRATION, *shape)).astype(np.float32)
        converted = edgeconv.convert(model, calibration={"x": drawn})
        converted.save(folder / f"{name}.edge", overwrite=True)
        yield Network(name, folder / f"{name}.edge", drawn[:_SAMPLES])
    if os.environ.get("EDGECONV_ASSETS"):
        yield from _real(folder)


def _real(folder: Path) -> Iterator[Network]:
    for asset in CLASSIFIERS:
        drawn = asset.calibration()[asset.input][: 4 * _CALIBRATION]
        converted = edgeconv.convert(asset.path, calibration={asset.input: drawn}, effort="fast")
        converted.save(folder / f"{asset.name}.edge", overwrite=True)
        yield Network(asset.name, folder / f"{asset.name}.edge", drawn[: asset.batch or _SAMPLES])


def _generated() -> dict[str, tuple[tuple[int, ...], onnx.ModelProto]]:
    """Name -> (shape of a sample, model): kernels that the golden models lack."""
    return {
        "separable": ((3, 20, 20), _separable()),
        "decoder": ((4, 6, 6), _decoder()),
        "mixer": ((12, 16), _mixer()),
        "waves": ((2, 60), _waves()),
    }


def _separable() -> onnx.ModelProto:
    """Uneven padding, stride 2, dilation, groups, both poolings, softmax."""
    body = """
        a = Conv<strides=[2,2], pads=[2,1,3,2]>(x, w1, b1)
        b = Clip(a, zero, six)
        c = MaxPool<kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1]>(b)
        d = Conv<group=8, dilations=[2,2], pads=[2,2,2,2]>(c, w2)
        e = HardSwish(d)
        f = Conv<group=4>(e, w3)
        g = AveragePool<kernel_shape=[2,2], strides=[2,2], pads=[0,1,1,0]>(f)
        h = LeakyRelu<alpha=0.2>(g)
        i = GlobalAveragePool(h)
        j = Flatten(i)
        k = Gemm(j, w4, b4)
        y = Softmax(k)
    """
    return model_of(
        "x: float[N,3,20,20]", body, "float[N,10] y",
        zero=np.float32(0), six=np.float32(6),
        w1=array(8, 3, 5, 4, seed=1), b1=array(8, seed=2), w2=array(8, 1, 3, 3, seed=3),
        w3=array(16, 2, 1, 1, seed=4), w4=array(16, 10, seed=5), b4=array(10, seed=6),
    )  # fmt: skip


def _decoder() -> onnx.ModelProto:
    """Transposed convolution, nearest and linear resizing, concatenation, PRelu, sigmoid."""
    body = """
        a = ConvTranspose<strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]>(x, w1, b1)
        b = PRelu(a, slope)
        c = Resize<mode="nearest">(x, none, scales)
        d = Concat<axis=1>(b, c)
        e = Conv<pads=[1,1,1,1]>(d, w2)
        f = Tanh(e)
        y = Sigmoid(f)
    """
    return model_of(
        "x: float[N,4,6,6]", body, "float[N,3,12,12] y",
        w1=array(4, 6, 3, 3, seed=1), b1=array(6, seed=2), slope=array(6, 1, 1, seed=3),
        none=np.zeros(0, np.float32), scales=np.array([1, 1, 2, 2], np.float32), w2=array(3, 10, 3, 3, seed=4),
    )  # fmt: skip


def _mixer() -> onnx.ModelProto:
    """Attention from its parts: layer norm, products of activations, softmax, GELU, slices."""
    body = """
        n = LayerNormalization<axis=-1>(x, g, b)
        q = MatMul(n, wq)
        k = MatMul(n, wk)
        v = MatMul(n, wv)
        t = Transpose<perm=[0,2,1]>(k)
        s = MatMul(q, t)
        p = Softmax<axis=-1>(s)
        o = MatMul(p, v)
        r = Add(o, x)
        h = MatMul(r, w1)
        a = Gelu(h)
        m = MatMul(a, w2)
        z = Add(m, r)
        y = ReduceMean<keepdims=0>(z, axes)
    """
    return model_of(
        "x: float[N,12,16]", body, "float[N,16] y", opset=20,
        g=array(16, seed=1, low=0.5, high=1.5), b=array(16, seed=2), axes=[1],
        wq=array(16, 16, seed=3, low=-0.3, high=0.3), wk=array(16, 16, seed=4, low=-0.3, high=0.3),
        wv=array(16, 16, seed=5), w1=array(16, 32, seed=6, low=-0.5, high=0.5), w2=array(32, 16, seed=7),
    )  # fmt: skip


def _waves() -> onnx.ModelProto:
    """One dimension: strided and dilated convolution, group norm by instance, subtraction, products, maximum."""
    body = """
        a = Conv<strides=[2], pads=[3,3]>(x, w1)
        b = Elu(a)
        c = Conv<dilations=[3], pads=[3,3]>(b, w2)
        d = Mul(b, c)
        e = Sub(d, b)
        f = Max(e, c)
        g = ReduceMax<keepdims=0, axes=[2]>(f)
        y = Gemm(g, w3)
    """
    return model_of(
        "x: float[N,2,60]", body, "float[N,5] y",
        w1=array(8, 2, 7, seed=1), w2=array(8, 8, 3, seed=2), w3=array(8, 5, seed=3),
    )  # fmt: skip
