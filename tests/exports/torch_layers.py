"""PyTorch modules: layers, ways to spell them, and small networks, in families."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (everybody's name for it)
from torch import Tensor, nn

__all__ = ["FAMILIES", "Layer"]


@dataclass(frozen=True)
class Layer:
    """A module and shapes of its inputs; "i7" in front of a shape: integers below 7.

    `int8`: the SQNR in dB that int8 must reach in every real output; where it is not 20, `why` says why not.
    `only`: the exporter that can export it, where the other one cannot.
    """

    name: str
    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int | str, ...], ...]
    int8: float = 20.0
    why: str = ""
    only: str = ""

    def inputs(self) -> tuple[Tensor, ...]:
        """Values of the inputs, always the same."""
        return tuple(self._input(shape, place) for place, shape in enumerate(self.shapes))

    def _input(self, shape: tuple[int | str, ...], place: int) -> Tensor:
        dice = torch.Generator().manual_seed(place)
        dims = [dim for dim in shape if isinstance(dim, int)]
        if isinstance(shape[0], str):
            return torch.randint(0, int(shape[0][1:]), dims, generator=dice)
        return torch.randn(dims, generator=dice)


class Do(nn.Module):
    """A module that is one function, with parameters or modules of its own."""

    def __init__(self, function: Callable[..., Any], *parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.function, self.count = function, len(parts)
        for place, part in enumerate(parts):
            if isinstance(part, nn.Module):
                self.add_module(f"part{place}", part)
            else:
                self.register_buffer(f"part{place}", part)

    def forward(self, *xs: Tensor) -> Any:
        """The function of the inputs and the parts."""
        return self.function(*xs, *(getattr(self, f"part{place}") for place in range(self.count)))


def _do(function: Callable[..., Any], *parts: Callable[[], Any]) -> Callable[[], nn.Module]:
    return lambda: Do(function, *(part() for part in parts))


IMAGE = ((2, 4, 12, 10),)
LINE = ((2, 6, 20),)
ROWS = ((3, 7, 16),)


def _convolutions() -> Iterator[Layer]:
    yield Layer("conv1d", lambda: nn.Conv1d(6, 8, 3, padding=1), LINE)
    yield Layer("conv1d_dilated", lambda: nn.Conv1d(6, 8, 3, padding=4, dilation=4), LINE)
    yield Layer("conv1d_causal", _do(lambda x, c: c(F.pad(x, (4, 0))), lambda: nn.Conv1d(6, 8, 5)), LINE)
    yield Layer("conv2d", lambda: nn.Conv2d(4, 8, 3, stride=2, padding=1), IMAGE)
    yield Layer("conv2d_same", lambda: nn.Conv2d(4, 8, (3, 5), padding="same"), IMAGE)
    yield Layer("conv2d_same_even", lambda: nn.Conv2d(4, 8, 4, padding="same"), IMAGE)
    yield Layer("conv2d_reflect", lambda: nn.Conv2d(4, 8, 3, padding=1, padding_mode="reflect"), IMAGE)
    yield Layer("conv2d_circular", lambda: nn.Conv2d(4, 8, 3, padding=1, padding_mode="circular"), IMAGE)
    yield Layer("conv2d_grouped", lambda: nn.Conv2d(4, 8, 3, groups=2, bias=False), IMAGE)
    yield Layer("conv2d_dilated", lambda: nn.Conv2d(4, 8, 3, dilation=(2, 3)), IMAGE)
    yield Layer("conv3d", lambda: nn.Conv3d(2, 4, 3, padding=1), ((1, 2, 5, 6, 7),))
    separable = lambda: nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 8, 1))  # noqa: E731
    yield Layer("depthwise_pointwise", separable, IMAGE)
    yield Layer("conv_transpose1d", lambda: nn.ConvTranspose1d(6, 4, 4, stride=2, padding=1), LINE)
    yield Layer("conv_transpose2d", lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1), IMAGE)
    yield Layer("conv_transpose2d_grouped", lambda: nn.ConvTranspose2d(4, 8, 3, groups=2, dilation=2), IMAGE)
    yield Layer("weight_norm", lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 8, 3)), IMAGE)
    yield Layer("spectral_norm", lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(16, 8)), ROWS, only="dynamo")
    yield Layer("bilinear", lambda: nn.Bilinear(5, 6, 4), ((3, 5), (3, 6)), only="dynamo")


def _normalizations() -> Iterator[Layer]:
    yield Layer("batch_norm", lambda: nn.Sequential(nn.Conv2d(4, 8, 3, bias=False), _used(nn.BatchNorm2d(8))), IMAGE)
    yield Layer("batch_norm1d", lambda: nn.Sequential(nn.Linear(16, 8), _used(nn.BatchNorm1d(8))), ((5, 16),))
    yield Layer("group_norm", lambda: nn.GroupNorm(2, 4), IMAGE)
    yield Layer("instance_norm", lambda: nn.InstanceNorm2d(4, affine=True), IMAGE)
    yield Layer("instance_norm_plain", lambda: nn.InstanceNorm2d(4), IMAGE)
    yield Layer("instance_norm1d", lambda: nn.InstanceNorm1d(6), LINE)
    yield Layer("layer_norm", lambda: nn.LayerNorm(16), ROWS)
    yield Layer("layer_norm_two_axes", lambda: nn.LayerNorm((7, 16)), ROWS)
    yield Layer("layer_norm_plain", lambda: nn.LayerNorm(16, elementwise_affine=False), ROWS)
    yield Layer("rms_norm", lambda: nn.RMSNorm(16), ROWS, only="dynamo")
    yield Layer("local_response_norm", lambda: nn.LocalResponseNorm(3), IMAGE)
    yield Layer("normalize", _do(lambda x: F.normalize(x, dim=1)), ROWS)


def _used(norm: Any) -> Any:
    """A batch norm with statistics that are not 0 and 1."""
    dice = torch.Generator().manual_seed(7)
    norm.running_mean.copy_(torch.randn(norm.num_features, generator=dice) * 0.3)
    norm.running_var.copy_(torch.rand(norm.num_features, generator=dice) + 0.5)
    return norm


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "elu": nn.ELU,
    "celu": lambda: nn.CELU(0.7),
    "selu": nn.SELU,
    "leaky_relu": lambda: nn.LeakyReLU(0.1),
    "prelu": lambda: nn.PReLU(7, 0.2),
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "hardtanh": lambda: nn.Hardtanh(-0.7, 0.9),
    "softplus": lambda: nn.Softplus(2.0),
    "softsign": nn.Softsign,
    "tanhshrink": nn.Tanhshrink,
    "hardshrink": nn.Hardshrink,
    "softshrink": nn.Softshrink,
    "log_sigmoid": nn.LogSigmoid,
    "softmin": lambda: nn.Softmin(-1),
    "softmax": lambda: nn.Softmax(-1),
    "glu": lambda: nn.GLU(-1),
}


def _activations() -> Iterator[Layer]:
    for name, make in ACTIVATIONS.items():
        yield Layer(name, make, ROWS)
    yield Layer("threshold", lambda: nn.Threshold(0.1, -0.3), ROWS, only="dynamo")
    yield Layer("rrelu", nn.RReLU, ROWS, only="script")
    yield Layer("log_softmax", lambda: nn.LogSoftmax(-1), ROWS)
    swiglu = _do(lambda x, a, b: F.silu(a(x)) * b(x), lambda: nn.Linear(16, 12), lambda: nn.Linear(16, 12))
    yield Layer("swiglu", swiglu, ROWS)


def _resampling() -> Iterator[Layer]:
    yield Layer("pixel_shuffle", lambda: nn.PixelShuffle(2), IMAGE)
    yield Layer("pixel_unshuffle", lambda: nn.PixelUnshuffle(2), IMAGE)
    yield Layer("channel_shuffle", lambda: nn.ChannelShuffle(2), IMAGE, only="dynamo")
    yield Layer("upsample_nearest", lambda: nn.Upsample(scale_factor=2), IMAGE)
    yield Layer("upsample_bilinear", lambda: nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE)
    for mode, options in (
        ("nearest", {}),
        ("nearest-exact", {}),
        ("bilinear", {}),
        ("bilinear", {"align_corners": True}),
        ("bicubic", {}),
        ("bicubic", {"align_corners": True}),
        ("area", {}),
    ):
        end = f"{mode.replace('-', '_')}{'_corners' if options else ''}"
        up = _do(lambda x, mode=mode, options=options: F.interpolate(x, size=(17, 15), mode=mode, **options))
        down = _do(lambda x, mode=mode, options=options: F.interpolate(x, scale_factor=0.5, mode=mode, **options))
        only = "dynamo" if mode in ("nearest-exact", "area") else ""
        yield Layer(f"interpolate_{end}_up", up, IMAGE, only=only)
        yield Layer(f"interpolate_{end}_down", down, IMAGE, only=only)
    for mode in ("bilinear", "bicubic"):
        smooth = _do(lambda x, mode=mode: F.interpolate(x, size=(5, 7), mode=mode, antialias=True))
        yield Layer(f"interpolate_{mode}_antialias", smooth, IMAGE, only="dynamo")
    line = _do(lambda x: F.interpolate(x, scale_factor=2.0, mode="linear"))
    yield Layer("interpolate_linear", line, LINE)
    yield Layer(
        "grid_sample",
        _do(lambda x, g: F.grid_sample(x, torch.tanh(g), align_corners=False)),
        (*IMAGE, (2, 6, 5, 2)),
    )
    yield Layer("affine_grid", _do(_turned), IMAGE)
    yield Layer("unfold", lambda: nn.Unfold(3, padding=1, stride=2), IMAGE)
    yield Layer("fold", lambda: nn.Fold((8, 6), (2, 2), stride=2), ((2, 12, 12),), only="dynamo")


def _turned(x: Tensor) -> Tensor:
    grid = F.affine_grid(_TURN.expand(2, 2, 3), [2, 4, 9, 8], align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


_TURN = torch.tensor([[[0.9, -0.3, 0.1], [0.3, 0.8, -0.2]]])


def _pools() -> Iterator[Layer]:
    yield Layer("max_pool", lambda: nn.MaxPool2d(3, 2, padding=1, ceil_mode=True), IMAGE)
    yield Layer("max_pool_dilated", lambda: nn.MaxPool2d(2, 1, dilation=2), IMAGE)
    yield Layer("max_pool1d", lambda: nn.MaxPool1d(3), LINE)
    yield Layer("average_pool", lambda: nn.AvgPool2d(3, 2, padding=1), IMAGE)
    yield Layer(
        "average_pool_ceil", lambda: nn.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=False), IMAGE
    )
    yield Layer("lp_pool", lambda: nn.LPPool2d(2, 2), IMAGE)
    yield Layer("adaptive_average_one", lambda: nn.AdaptiveAvgPool2d(1), IMAGE)
    yield Layer("adaptive_average_even", lambda: nn.AdaptiveAvgPool2d((6, 5)), IMAGE)
    yield Layer("adaptive_average_uneven", lambda: nn.AdaptiveAvgPool2d((5, 3)), IMAGE, only="dynamo")
    yield Layer("adaptive_max", lambda: nn.AdaptiveMaxPool2d((4, 5)), IMAGE)
    yield Layer("adaptive_average1d", lambda: nn.AdaptiveAvgPool1d(4), LINE)


def _attention() -> Iterator[Layer]:
    attention = lambda: nn.MultiheadAttention(16, 4, batch_first=True)  # noqa: E731
    yield Layer("multihead", _do(lambda x, a: a(x, x, x, need_weights=False)[0], attention), ROWS)
    yield Layer("multihead_weights", _do(lambda x, a: a(x, x, x), attention), ROWS)
    cross = _do(lambda x, y, a: a(x, y, y, need_weights=False)[0], attention)
    yield Layer("multihead_cross", cross, ((3, 7, 16), (3, 5, 16)))
    yield Layer("scaled_dot_product", _do(F.scaled_dot_product_attention), ((2, 3, 7, 8),) * 3)
    causal = _do(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True))
    yield Layer("scaled_dot_product_causal", causal, ((2, 3, 7, 8),) * 3)
    masked = _do(lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m > 0))
    yield Layer("scaled_dot_product_masked", masked, (*((2, 3, 7, 8),) * 3, (7, 7)))
    encoder = lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)  # noqa: E731
    yield Layer("encoder_layer", encoder, ROWS)
    first = lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=True, activation="gelu")  # noqa: E731
    yield Layer("encoder_norm_first", lambda: nn.TransformerEncoder(first(), 2, enable_nested_tensor=False), ROWS)
    decoder = lambda: nn.TransformerDecoderLayer(16, 4, 32, batch_first=True)  # noqa: E731
    yield Layer("decoder_layer", decoder, ((3, 7, 16), (3, 5, 16)))


def _recurrent() -> Iterator[Layer]:
    yield Layer("lstm", _do(lambda x, r: r(x)[0], lambda: nn.LSTM(16, 10, batch_first=True)), ROWS)
    both = lambda: nn.LSTM(16, 10, 2, batch_first=True, bidirectional=True)  # noqa: E731
    yield Layer("lstm_two_layers_both_ways", _do(lambda x, r: r(x)[0], both), ROWS)
    state = _do(lambda x, h, c, r: r(x, (torch.tanh(h), c)), lambda: nn.LSTM(16, 10))  # a state is within (-1, 1)
    yield Layer("lstm_state", state, ((5, 3, 16), (1, 3, 10), (1, 3, 10)))
    yield Layer("gru", _do(lambda x, r: r(x), lambda: nn.GRU(16, 10, batch_first=True)), ROWS)
    yield Layer("rnn", _do(lambda x, r: r(x)[0], lambda: nn.RNN(16, 10, nonlinearity="relu")), ROWS)
    yield Layer("lstm_cell", _do(lambda x, h, c, r: r(x, (h, c)), lambda: nn.LSTMCell(6, 5)), ((3, 6), (3, 5), (3, 5)))
    yield Layer("gru_cell", lambda: nn.GRUCell(6, 5), ((3, 6), (3, 5)))


def _indices() -> Iterator[Layer]:
    words = (("i20", 3, 7),)
    yield Layer("embedding", lambda: nn.Embedding(20, 8), words)
    yield Layer("embedding_padding", lambda: nn.Embedding(20, 8, padding_idx=0), words)
    for mode in ("sum", "mean", "max"):
        yield Layer(f"embedding_bag_{mode}", lambda mode=mode: nn.EmbeddingBag(20, 8, mode=mode), words)
    yield Layer("gather", _do(lambda x, i: torch.gather(x, 1, i)), ((3, 7, 16), ("i7", 3, 4, 16)))
    yield Layer("index_select", _do(lambda x: x[:, [2, 0, 5]]), ROWS)
    yield Layer("index_tensor", _do(lambda x, i: x[:, i]), ((3, 7, 16), ("i7", 4)))
    scatter = _do(lambda x, i, y: x.scatter(1, i, y))
    yield Layer("scatter", scatter, ((3, 7, 5), ("i7", 3, 4, 5), (3, 4, 5)))
    yield Layer("scatter_add", _do(lambda x, i, y: x.scatter_add(1, i, y)), ((3, 7, 5), ("i7", 3, 4, 5), (3, 4, 5)))
    yield Layer("index_put", _do(_index_put), ((3, 7, 5),))
    yield Layer("top_k", _do(lambda x: torch.topk(x, 3, dim=1)), ROWS)
    yield Layer("sort", _do(lambda x: torch.sort(x, dim=-1, descending=True)), ROWS)
    yield Layer("argmax", _do(lambda x: x.argmax(-1)), ROWS)
    yield Layer("max_with_index", _do(lambda x: x.max(1)), ROWS)
    yield Layer("one_hot", _do(lambda i: F.one_hot(i, 20).float()), words)
    yield Layer("arange_like", _do(lambda x: x + torch.arange(x.shape[1], device=x.device)[:, None]), ROWS)
    yield Layer("meshgrid", _do(_coordinates), IMAGE)
    yield Layer("bucketize", _do(lambda x: torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0]))), ROWS)


def _index_put(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 2] = 1.5
    y[:, 4:, 1:3] = x[:, :3, :2]
    return y


def _coordinates(x: Tensor) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(x.shape[2]), torch.arange(x.shape[3]), indexing="ij")
    return torch.cat([x, torch.stack([rows, columns]).float().expand(x.shape[0], 2, x.shape[2], x.shape[3]) / 10], 1)


def _moves() -> Iterator[Layer]:
    for mode in ("constant", "reflect", "replicate", "circular"):
        yield Layer(f"pad_{mode}", _do(lambda x, mode=mode: F.pad(x, (1, 2, 2, 1), mode=mode)), IMAGE)
    yield Layer("pad_negative", _do(lambda x: F.pad(x, (-1, 2), value=0.5)), IMAGE)
    yield Layer("roll", _do(lambda x: torch.roll(x, (2, -3), (2, 3))), IMAGE)
    yield Layer("flip", _do(lambda x: torch.flip(x, (-1,))), IMAGE)
    yield Layer("chunk", _do(lambda x: torch.cat([-part for part in x.chunk(3, 2)], 1)), IMAGE)
    yield Layer("split_uneven", _do(lambda x: torch.split(x, [3, 9], 2)), IMAGE)
    yield Layer("unbind_stack", _do(lambda x: torch.stack(x.unbind(1)[::-1], -1)), IMAGE)
    yield Layer("repeat_interleave", _do(lambda x: x.repeat_interleave(3, 1)), ROWS)
    yield Layer("repeat", _do(lambda x: x.repeat(1, 2, 3)), ROWS)
    yield Layer("unfold_windows", _do(lambda x: x.unfold(1, 3, 2)), ROWS)
    yield Layer("movement", _do(lambda x: x.flatten(2).permute(0, 2, 1).reshape(x.shape[0], -1, 8)), IMAGE)
    yield Layer("strided", _do(lambda x: x[..., 1::2, ::3].contiguous()), IMAGE)
    space = _do(lambda x: torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1))
    yield Layer("focus", space, IMAGE)
    windows = _do(lambda x: x.view(-1, 4, 4, 3, 5, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 6, 4))
    yield Layer("swin_windows", windows, IMAGE)


def _arithmetic() -> Iterator[Layer]:
    yield Layer("einsum", _do(lambda x, y: torch.einsum("bik,bjk->bij", x, y)), ((3, 7, 16), (3, 5, 16)))
    yield Layer(
        "einsum_heads", _do(lambda x, w: torch.einsum("bnd,hde->bhne", x, w), lambda: torch.randn(2, 16, 4)), ROWS
    )
    yield Layer("bmm", _do(torch.bmm), ((3, 7, 16), (3, 16, 5)))
    yield Layer(
        "addmm",
        _do(lambda x, b, w: torch.addmm(b, x, w, beta=0.5), lambda: torch.randn(4), lambda: torch.randn(16, 4)),
        ((5, 16),),
    )
    yield Layer("where", _do(lambda x: torch.where(x > 0.1, x, x * 0.2)), ROWS)
    yield Layer("masked_fill", _do(lambda x: x.masked_fill(x < 0, 0.3)), ROWS)
    yield Layer("tril", _do(lambda x: torch.tril(x, 1)), ROWS)
    yield Layer("cumsum", _do(lambda x: torch.cumsum(x, 1)), ROWS)
    yield Layer("var", _do(lambda x: x.var(1)), ROWS)
    yield Layer("std", _do(lambda x: x.std((1, 2), keepdim=True, unbiased=False)), ROWS)
    yield Layer("var_mean", _do(lambda x: torch.var_mean(x, -1)), ROWS)
    yield Layer("norm", _do(lambda x: torch.linalg.vector_norm(x, dim=-1)), ROWS)
    yield Layer("norm1", _do(lambda x: torch.norm(x, 1, dim=1)), ROWS)
    yield Layer("cdist", _do(torch.cdist), ((3, 7, 16), (3, 5, 16)), only="script")
    yield Layer("cosine", lambda: nn.CosineSimilarity(-1), ((3, 7, 16), (3, 7, 16)))
    yield Layer("logsumexp", _do(lambda x: torch.logsumexp(x, -1)), ROWS)
    yield Layer("clamp", _do(lambda x: x.clamp(-0.5, 0.7).pow(2)), ROWS)
    yield Layer(
        "clamp_tensor", _do(lambda x, y: torch.minimum(torch.maximum(x, y - 1), y + 1)), ((3, 7, 16), (3, 7, 16))
    )
    yield Layer(
        "remainder",
        _do(lambda x: torch.remainder(x, 0.7)),
        ROWS,
    )
    yield Layer("fourier_features", _do(lambda x: torch.cat([torch.sin(x * 2), torch.cos(x * 2)], -1)), ROWS)
    yield Layer("floor_divide", _do(lambda x: (x * 3) // 2), ROWS)
    yield Layer("isnan_any", _do(lambda x: torch.nan_to_num(x).abs().amax(1)), ROWS)
    yield Layer("any_all", _do(lambda x: (x > 2).any(-1) | (x > -1).all(-1)), ROWS)
    yield Layer("rope", _do(_rope), ((2, 7, 16),))


def _rope(x: Tensor) -> Tensor:
    angles = torch.outer(torch.arange(x.shape[1]).float(), 1 / 100 ** (torch.arange(0, 8) / 8))
    first, second = x.chunk(2, -1)
    return torch.cat([first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()], -1)


class Excite(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x times a factor for each channel."""
        return x * torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))))


class UNet(nn.Module):
    """One step down, one up, one skip."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.deep = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.up, self.last = nn.ConvTranspose2d(16, 8, 2, 2), nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Three maps of the size of x."""
        first = F.relu(self.first(x))
        deep = F.relu(self.deep(F.max_pool2d(first, 2)))
        return torch.as_tensor(self.last(torch.cat([first, self.up(deep)], 1)))


class ViT(nn.Module):
    """Patches, a class token, positions, two blocks, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.head = nn.Conv2d(4, 24, 2, 2), nn.Linear(24, 5)
        self.token, self.position = nn.Parameter(torch.zeros(1, 1, 24)), nn.Parameter(torch.randn(1, 31, 24) * 0.1)
        layer = nn.TransformerEncoderLayer(24, 3, 48, batch_first=True, norm_first=True, activation="gelu")
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(24)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of five classes."""
        patches = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), patches], 1) + self.position
        return torch.as_tensor(self.head(self.norm(self.blocks(tokens))[:, 0]))


class SpeechNet(nn.Module):
    """Convolution over time, a GRU, a head: keyword spotting."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(6, 12, 5, stride=2, padding=2), _used(nn.BatchNorm1d(12))
        self.gru, self.head = nn.GRU(12, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of four words."""
        states, _ = self.gru(F.relu(self.norm(self.conv(x))).transpose(1, 2))
        return torch.as_tensor(self.head(states[:, -1]))


class Spectrum(nn.Module):
    """The short-time Fourier transform of a wave, and a layer on the logarithm of its power."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv1d(33, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Eight features of each frame but the first and the last."""
        frames = torch.stft(x, 64, 16, window=torch.hann_window(64), return_complex=False)
        return torch.as_tensor(self.head(torch.log1p(frames.square().sum(-1))))


class Detector(nn.Module):
    """Two maps of boxes and scores, flattened and joined, as detectors for the edge have them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down = nn.Conv2d(4, 12, 3, padding=1), nn.Conv2d(12, 12, 3, stride=2, padding=1)
        self.boxes, self.scores = nn.Conv2d(12, 8, 1), nn.Conv2d(12, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (batch, anchors, 4) and scores (batch, anchors, 2)."""
        large = F.silu(self.stem(x))
        maps = [large, F.silu(self.down(large))]
        boxes = torch.cat([self.boxes(each).permute(0, 2, 3, 1).reshape(each.shape[0], -1, 4) for each in maps], 1)
        scores = torch.cat([self.scores(each).permute(0, 2, 3, 1).reshape(each.shape[0], -1, 2) for each in maps], 1)
        return boxes, scores.softmax(-1)


def _networks() -> Iterator[Layer]:
    yield Layer("squeeze_excite", lambda: Excite(4), IMAGE)
    yield Layer("unet", UNet, IMAGE)
    yield Layer("vit", ViT, IMAGE)
    yield Layer("speech", SpeechNet, LINE)
    yield Layer("detector", Detector, IMAGE)
    yield Layer("spectrum", Spectrum, ((2, 256),), only="script")


FAMILIES: dict[str, Callable[[], Iterator[Layer]]] = {
    "convolutions": _convolutions,
    "normalizations": _normalizations,
    "activations": _activations,
    "resampling": _resampling,
    "pools": _pools,
    "attention": _attention,
    "recurrent": _recurrent,
    "indices": _indices,
    "moves": _moves,
    "arithmetic": _arithmetic,
    "networks": _networks,
}
