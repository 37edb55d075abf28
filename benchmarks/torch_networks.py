"""Small networks of many architectures in PyTorch: weights drawn, statistics of normalizations from drawn samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["NETWORKS", "Network", "prepared"]


@dataclass(frozen=True)
class Network:
    """`make` gives the module, `samples` so many inputs; `parts` names slices of the output to be judged alone."""

    make: Callable[[], nn.Module]
    samples: Callable[[int], Tensor]
    parts: dict[str, Any]


def prepared(network: Network, seed: int = 0) -> nn.Module:
    """The module with BatchNorm as training leaves it: statistics of samples, scales and offsets of many sizes."""
    torch.manual_seed(seed)
    module = network.make().train()
    with torch.no_grad():
        for _ in range(12):
            module(network.samples(16))
        for each in module.modules():
            if isinstance(each, (nn.BatchNorm1d, nn.BatchNorm2d)):
                each.weight.copy_(torch.rand_like(each.weight) * 1.5 + 0.2)
                each.bias.copy_(torch.randn_like(each.bias) * 0.5)
    return module.eval()


def _unit(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, activation: Any = nn.ReLU
) -> nn.Module:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), activation())


class _Excite(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = [nn.Conv2d(channels, channels // 4, 1), nn.SiLU(), nn.Conv2d(channels // 4, channels, 1), nn.Sigmoid()]
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), *inner)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class _Inverted(nn.Module):
    """Inverted residual, as in MobileNetV2 and EfficientNet."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: Any, excite: bool) -> None:
        super().__init__()
        wide = 4 * inputs
        self.body = nn.Sequential(
            _unit(inputs, wide, 1, activation=activation), _unit(wide, wide, 3, stride, wide, activation),
            _Excite(wide) if excite else nn.Identity(),
            nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.adds else self.body(x)


def _mobile(activation: Any, excite: bool) -> nn.Module:
    plan = [(16, 24, 2), (24, 24, 1), (24, 40, 2), (40, 40, 1), (40, 40, 1)]
    blocks = [_Inverted(*sizes, activation, excite) for sizes in plan]
    head = [_unit(40, 160, 1, activation=activation), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(160, 10)]
    return nn.Sequential(_unit(3, 16, 3, 2, activation=activation), *blocks, *head)


class _ConvNext(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(channels, channels, 7, 1, 3, groups=channels), nn.LayerNorm(channels)
        self.up, self.down = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + 0.3 * self.down(functional.gelu(self.up(y))).permute(0, 3, 1, 2)


def _convnext() -> nn.Module:
    blocks = [nn.Conv2d(3, 32, 4, 4), _ConvNext(32), _ConvNext(32), nn.Conv2d(32, 64, 2, 2), _ConvNext(64)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(64), nn.Linear(64, 10))


class _Transformer(nn.Module):
    """Encoder, or decoder with a causal mask, over tokens."""

    def __init__(self, length: int, layers: int, causal: bool = False) -> None:
        super().__init__()
        width, self.causal = 64, causal
        self.embed, self.place = nn.Embedding(100, width), nn.Parameter(torch.randn(1, length, width) * 0.1)
        self.blocks = nn.ModuleList([self._block(width) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 12)
        self.register_buffer("mask", torch.triu(torch.full((length, length), -1e9), 1))

    @staticmethod
    def _block(width: int) -> nn.Module:
        return nn.ModuleList([
            nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width),
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width),
        ])  # fmt: skip

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.place
        for first, qkv, out, second, up, down in self.blocks:
            q, k, v = (each.unflatten(-1, (4, 16)).transpose(1, 2) for each in qkv(first(x)).chunk(3, -1))
            scores = q @ k.transpose(-1, -2) / 4
            scores = scores + self.mask if self.causal else scores
            x = x + out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
            x = x + down(functional.gelu(up(second(x))))
        return self.head(self.norm(x))


class _Dilated(nn.Module):
    """Temporal convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(40, 48, 3, padding=1), nn.Linear(48, 12)
        self.blocks = nn.ModuleList([self._block(dilation) for dilation in (1, 2, 4, 8)])

    @staticmethod
    def _block(dilation: int) -> nn.Module:
        conv = nn.Conv1d(48, 48, 3, padding=dilation, dilation=dilation)
        return nn.Sequential(conv, nn.BatchNorm1d(48), nn.PReLU(), nn.Conv1d(48, 48, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return self.last(x.mean(-1))


class _Recurrent(nn.Module):
    def __init__(self, kind: Any, both: bool) -> None:
        super().__init__()
        self.walk = kind(40, 48, 2, batch_first=True, bidirectional=both)
        self.last = nn.Linear(96 if both else 48, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.walk(x)[0][:, -1])


class _UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([_unit(3, 16), _unit(16, 32, 3, 2), _unit(32, 64, 3, 2)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)])
        self.join = nn.ModuleList([_unit(64, 32), _unit(32, 16)])
        self.last = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.down[0](x)
        second = self.down[1](first)
        y = self.join[0](torch.cat([self.up[0](self.down[2](second)), second], 1))
        return torch.sigmoid(self.last(self.join[1](torch.cat([self.up[1](y), first], 1))))


class _Detector(nn.Module):
    """Two scales, box edges as distributions (as in YOLOv8): (N, 4 boxes in pixels + 5 scores, 320 places)."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.SiLU
        self.fine = nn.Sequential(_unit(3, 16, 3, 2, activation=act), _unit(16, 32, 3, 2, activation=act))
        self.coarse = nn.Sequential(_unit(32, 64, 3, 2, activation=act), _unit(64, 64, activation=act))
        self.boxes = nn.ModuleList([nn.Conv2d(channels, 64, 1) for channels in (32, 64)])
        self.scores = nn.ModuleList([nn.Conv2d(channels, 5, 1) for channels in (32, 64)])
        cells = [torch.cartesian_prod(torch.arange(n) + 0.5, torch.arange(n) + 0.5).flip(1).T for n in (16, 8)]
        self.register_buffer("places", torch.cat(cells, 1)[None])
        self.register_buffer("strides", torch.cat([torch.full((256,), 4.0), torch.full((64,), 8.0)]))
        self.register_buffer("bins", torch.arange(16.0).view(1, 1, 16, 1))
        for each in self.scores:
            nn.init.constant_(each.bias, -3)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.fine(x)]
        maps.append(self.coarse(maps[0]))
        boxes = torch.cat([head(each).flatten(2) for head, each in zip(self.boxes, maps, strict=True)], 2)
        scores = torch.cat([head(each).flatten(2) for head, each in zip(self.scores, maps, strict=True)], 2)
        edges = (boxes.unflatten(1, (4, 16)).softmax(2) * self.bins).sum(2)
        low, high = self.places - edges[:, :2], self.places + edges[:, 2:]
        return torch.cat([torch.cat([(low + high) / 2, high - low], 1) * self.strides, scores.sigmoid()], 1)


class _Anchors(nn.Module):
    """Boxes from anchors (as in YOLOv5): (N, 192, x y w h in pixels + 6 scores)."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.SiLU
        units = [_unit(3, 16, 3, 2, activation=act), _unit(16, 32, 3, 2, activation=act)]
        self.body = nn.Sequential(*units, _unit(32, 64, 3, 2, activation=act), nn.Conv2d(64, 30, 1))
        grid = torch.cartesian_prod(torch.arange(8.0), torch.arange(8.0)).flip(1)
        self.register_buffer("grid", grid.view(1, 1, 8, 8, 2))
        self.register_buffer("sizes", torch.tensor([[10.0, 13], [33, 60], [116, 90]]).view(1, 3, 1, 1, 2))

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x).unflatten(1, (3, 10)).permute(0, 1, 3, 4, 2).sigmoid()
        centre, size, scores = y.split([2, 2, 6], -1)
        centre, size = (centre * 2 - 0.5 + self.grid) * 8, (size * 2) ** 2 * self.sizes
        return torch.cat([centre, size, scores], -1).flatten(1, 3)


class _Points(nn.Module):
    """PointNet: a maximum over points."""

    def __init__(self) -> None:
        super().__init__()
        first = [nn.Conv1d(3, 32, 1), nn.BatchNorm1d(32), nn.ReLU()]
        self.each = nn.Sequential(*first, nn.Conv1d(32, 128, 1), nn.BatchNorm1d(128), nn.ReLU())
        self.all = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.all(self.each(x).amax(-1))


class _RawColumns(nn.Module):
    """A multilayer perceptron on columns in their own units, as if trained on standardised ones and these folded in."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4))
        first = self.layers[0]
        with torch.no_grad():
            first.weight /= _SIZES
            first.bias -= first.weight @ (_SIZES * 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class _Conformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        width = 48
        self.first, self.last = nn.Conv1d(40, width, 3, 2, 1), nn.Linear(width, 30)
        self.feed = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 192), nn.SiLU(), nn.Linear(192, width))
        self.norm, self.attend = nn.LayerNorm(width), nn.MultiheadAttention(width, 4, batch_first=True)
        self.conv_norm, self.gate = nn.LayerNorm(width), nn.Conv1d(width, 2 * width, 1)
        self.depthwise, self.batch_norm = nn.Conv1d(width, width, 15, padding=7, groups=width), nn.BatchNorm1d(width)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).transpose(1, 2)
        x = x + 0.5 * self.feed(x)
        y = self.norm(x)
        x = x + self.attend(y, y, y, need_weights=False)[0]
        y = functional.glu(self.gate(self.conv_norm(x).transpose(1, 2)), 1)
        x = x + self.mix(functional.silu(self.batch_norm(self.depthwise(y)))).transpose(1, 2)
        return functional.log_softmax(self.last(x), -1)


def _decoder() -> nn.Module:
    """Images from 16 numbers, with group normalization."""
    return nn.Sequential(
        nn.Linear(16, 1024), nn.Unflatten(1, (64, 4, 4)), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.GroupNorm(8, 32),
        nn.SiLU(), nn.Upsample(scale_factor=2), nn.Conv2d(32, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(),
        nn.Conv2d(16, 3, 3, padding=1), nn.Tanh(),
    )  # fmt: skip


def _images(size: int) -> Callable[[int], Tensor]:
    def draw(count: int) -> Tensor:
        smooth = functional.interpolate(torch.randn(count, 3, size // 4, size // 4), scale_factor=4, mode="bilinear")
        return smooth + 0.3 * torch.randn(count, 3, size, size)

    return draw


def _frames(count: int) -> Tensor:
    return torch.cumsum(torch.randn(count, 40, 40) * 0.3, 1)


_SIZES = torch.logspace(-3, 4, 12)


def _columns(count: int) -> Tensor:
    return (torch.randn(count, 12) + 2) * _SIZES


def _tokens(length: int) -> Callable[[int], Tensor]:
    return lambda count: torch.randint(0, 100, (count, length))


def _network(make: Callable[[], nn.Module], samples: Callable[[int], Tensor], **parts: Any) -> Network:
    return Network(make, samples, parts)


NETWORKS = {
    "MobileNetV2 blocks": _network(lambda: _mobile(nn.ReLU6, excite=False), _images(64)),
    "EfficientNet blocks, SiLU": _network(lambda: _mobile(nn.SiLU, excite=True), _images(64)),
    "MobileNetV3 blocks, HardSwish": _network(lambda: _mobile(nn.Hardswish, excite=True), _images(64)),
    "ConvNeXt blocks": _network(_convnext, _images(64)),
    "U-Net": _network(_UNet, _images(32)),
    "decoder, GroupNorm": _network(_decoder, lambda count: torch.randn(count, 16)),
    "detector as YOLOv8": _network(
        _Detector, _images(64), boxes=(slice(None), slice(4)), scores=(slice(None), slice(4, 9))
    ),
    "detector as YOLOv5": _network(_Anchors, _images(64), boxes=(..., slice(4)), scores=(..., slice(4, 10))),
    "transformer, 48 tokens": _network(lambda: _Transformer(48, 4), _tokens(48)),
    "transformer, 256 tokens": _network(lambda: _Transformer(256, 3), _tokens(256)),
    "transformer, causal": _network(lambda: _Transformer(48, 4, causal=True), _tokens(48)),
    "Conformer block": _network(_Conformer, lambda count: _frames(count).transpose(1, 2)),
    "temporal convolutions": _network(_Dilated, lambda count: _frames(count).transpose(1, 2)),
    "LSTM, both directions": _network(lambda: _Recurrent(nn.LSTM, both=True), _frames),
    "GRU": _network(lambda: _Recurrent(nn.GRU, both=False), _frames),
    "perceptron, columns in their own units": _network(_RawColumns, _columns),
    "PointNet": _network(_Points, lambda count: torch.randn(count, 3, 128)),
}
"""By the name in the table."""
