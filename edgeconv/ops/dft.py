"""DFT, and what audio models have around it: STFT and MelWeightMatrix. Complex numbers are a last dimension of 2."""

from __future__ import annotations

import numpy as np

from edgeconv.core import Array, Dim, TensorType
from edgeconv.ops.axes import check_axis, constant_ints, constant_value, normal_axis
from edgeconv.ops.base import Expr, Operator, Ref, ShapeError
from edgeconv.ops.binary import check_kind
from edgeconv.ops.cast import onnx_dtype
from edgeconv.ops.gather import Gather
from edgeconv.ops.mul import Mul
from edgeconv.ops.onnx_rules import Unsupported, onnx_rule
from edgeconv.ops.reshape import Reshape
from edgeconv.records import dataclass

__all__ = ["DFT"]


@dataclass(frozen=True)
class DFT(Operator):
    """The discrete Fourier transform of x (..., 1 or 2) along `axis`, cut or padded with zeros to `length`.

    one_sided: the first length // 2 + 1 frequencies; of an inverse, the input has those, and the output is real.
    """

    axis: int
    length: int
    inverse: bool = False
    one_sided: bool = False

    def infer(self, x: TensorType) -> tuple[TensorType, ...]:
        check_axis(self.axis, x.rank - 1)
        check_kind(x, "f")
        if x.shape[-1] not in (1, 2) or not 1 <= self.length < 2**31:
            raise ShapeError(f"needs real or complex numbers (a last dimension of 1 or 2) and a length, found {x}")
        if not isinstance(x.shape[self.axis], int) or x.shape[self.axis] == 0:
            raise ShapeError(f"needs a signal of known length, found {x}; fix it with --input-shape")
        dims: list[Dim] = [*x.shape[:-1], 1 if self.inverse and self.one_sided else 2]
        dims[self.axis] = self.length // 2 + 1 if self.one_sided and not self.inverse else self.length
        return (x.with_shape(tuple(dims)),)

    def run(self, x: Array) -> Array:
        signal = x[..., 0] + 1j * x[..., 1] if x.shape[-1] == 2 else x[..., 0]
        if self.inverse and self.one_sided:
            return np.asarray(np.fft.irfft(signal, self.length, self.axis)[..., None], x.dtype)
        result = (np.fft.ifft if self.inverse else np.fft.fft)(signal, self.length, self.axis)
        if self.one_sided:
            result = np.take(result, np.arange(self.length // 2 + 1), self.axis)
        return np.stack([result.real, result.imag], -1).astype(x.dtype)


def _dft(x: Ref, length: Ref | None, axis: int, inverse: int, one_sided: int) -> Expr:
    place = normal_axis(axis, x.type.rank)
    dim = x.type.shape[place]
    if length is not None:
        dim = constant_ints(length, "dft_length")[0]
    elif isinstance(dim, int) and inverse and one_sided:
        dim = 2 * (dim - 1)
    if not isinstance(dim, int):
        raise Unsupported(f"it transforms a dimension of {x.type} that is not known; fix it with --input-shape")
    return DFT(place, dim, bool(inverse), bool(one_sided))(x)


@onnx_rule("DFT", since=17)
def import_dft_attribute(
    x: Ref, dft_length: Ref | None = None, *, axis: int = 1, inverse: int = 0, onesided: int = 0
) -> Expr:
    """DFT before opset 20: the axis is an attribute."""
    return _dft(x, dft_length, axis, inverse, onesided)


@onnx_rule("DFT", since=20)
def import_dft(
    x: Ref, dft_length: Ref | None = None, axis: Ref | None = None, *, inverse: int = 0, onesided: int = 0
) -> Expr:
    """DFT along a constant axis."""
    return _dft(x, dft_length, -2 if axis is None else constant_ints(axis, "axis")[0], inverse, onesided)


@onnx_rule("STFT", since=17)
def import_stft(
    signal: Ref, frame_step: Ref, window: Ref | None = None, frame_length: Ref | None = None, *, onesided: int = 1
) -> Expr:
    """Overlapping frames of signal (N, samples, 1 or 2), each times the window, transformed.

    PyTorch's older exporter writes a real signal without its last dimension, which ONNX Runtime takes.
    """
    samples, step = signal.type.shape[1], constant_ints(frame_step, "frame_step")[0]
    length: Dim = samples if window is None else window.type.shape[0]
    if frame_length is not None:
        length = constant_ints(frame_length, "frame_length")[0]
    if not isinstance(samples, int) or not isinstance(length, int):
        raise Unsupported(f"it cuts {signal.type} into frames, of unknown length; fix it with --input-shape")
    if not (1 <= length <= samples and step >= 1):
        raise ShapeError(f"frames of {length} every {step} samples do not fit {signal.type}")
    places = np.arange(0, samples - length + 1, step)[:, None] + np.arange(length)
    frames: Expr = Gather(1)(signal if signal.type.rank == 3 else Reshape((-1, samples, 1))(signal), places)
    if window is not None:
        frames = Mul()(frames, Reshape((length, 1))(window))
    return DFT(2, length, False, bool(onesided))(frames)


@onnx_rule("MelWeightMatrix", since=17)
def import_mel_weight_matrix(
    bins: Ref, dft_length: Ref, rate: Ref, lower: Ref, upper: Ref, *, output_datatype: int = 1
) -> Expr:
    """The matrix (dft_length // 2 + 1, bins) of triangular filters at equal distances on the mel scale."""
    count, length = constant_ints(bins, "num_mel_bins")[0], constant_ints(dft_length, "dft_length")[0]
    samples = constant_ints(rate, "sample_rate")[0]
    edges = [constant_value(ref, name).item() for ref, name in ((lower, "lower_edge"), (upper, "upper_edge"))]
    low, high = (2595 * np.log10(1 + edge / 700) for edge in edges)
    hertz = 700 * (10 ** ((np.arange(count + 2) * (high - low) / (count + 2) + low) / 2595) - 1)
    places = np.floor((length + 1) * hertz / samples).astype(np.int64)
    at = np.arange(length // 2 + 1)[:, None]
    left, centre, right = places[:-2], places[1:-1], places[2:]
    rising = np.where(centre > left, (at - left) / np.maximum(centre - left, 1), at == centre)
    falling = (right - at) / np.maximum(right - centre, 1)
    inside = (at >= left) & (at < np.maximum(right, centre + 1))
    weights = np.where(inside, np.where((at < centre) | (at == centre) & (right == centre), rising, falling), 0)
    return np.asarray(weights, onnx_dtype(output_datatype))
