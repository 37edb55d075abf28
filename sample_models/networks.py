"""The sample networks, plain PyTorch. Images are NCHW; every network returns logits of shape [batch, classes]."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["NETWORKS", "DigitsMobileNet", "DigitsResNet", "DigitsViT", "GatedMlp", "WhistlesDsCnn"]


def _conv(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution and BatchNorm; the padding keeps the plane's size at stride 1."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out))


class _Residual(nn.Module):
    """The basic block of ResNet: two 3x3 convolutions, and a 1x1 projection where the shape changes."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.first = _conv(c_in, c_out, 3, stride)
        self.second = _conv(c_out, c_out, 3)
        same = stride == 1 and c_in == c_out
        self.shortcut = nn.Identity() if same else _conv(c_in, c_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(torch.relu(self.first(x)))
        return torch.relu(y + self.shortcut(x))


class DigitsResNet(nn.Module):
    """[N, 1, 8, 8] -> [N, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(1, 16, 3)
        shapes = [(16, 16, 1), (16, 24, 2), (24, 24, 1), (24, 32, 2)]
        self.blocks = nn.Sequential(*(_Residual(*shape) for shape in shapes))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(torch.relu(self.stem(x)))
        return self.head(torch.flatten(self.pool(x), 1))


class _SqueezeExcite(nn.Module):
    """Channel gates from the pooled plane, as in MobileNetV3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = nn.functional.adaptive_avg_pool2d(x, 1)
        gate = nn.functional.hardsigmoid(self.expand(torch.relu(self.reduce(pooled))))
        return x * gate


class _Inverted(nn.Module):
    """Inverted residual: expand 1x1, depthwise 3x3, squeeze-and-excitation, project 1x1."""

    def __init__(self, c_in: int, expanded: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.expand = _conv(c_in, expanded, 1)
        self.depthwise = _conv(expanded, expanded, 3, stride, groups=expanded)
        self.gate = _SqueezeExcite(expanded)
        self.project = _conv(expanded, c_out, 1)
        self.act = nn.Hardswish()
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.depthwise(self.act(self.expand(x))))
        y = self.project(self.gate(y))
        return x + y if self.residual else y


class DigitsMobileNet(nn.Module):
    """[N, 1, 8, 8] -> [N, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(1, 16, 3)
        shapes = [(16, 48, 16, 1), (16, 64, 24, 2), (24, 96, 24, 1), (24, 96, 32, 2)]
        self.blocks = nn.Sequential(*(_Inverted(*shape) for shape in shapes))
        self.last = _conv(32, 96, 1)
        self.act = nn.Hardswish()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.hidden = nn.Linear(96, 64)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.last(self.blocks(self.act(self.stem(x))))
        x = torch.flatten(self.pool(self.act(x)), 1)
        return self.head(self.act(self.hidden(x)))


class _EncoderBlock(nn.Module):
    """Pre-norm transformer block: self-attention, then an MLP with GELU (the exact one, by erf)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.attention_norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.mlp_norm(x))


class DigitsViT(nn.Module):
    """[N, 1, 8, 8] -> [N, 10]: 16 patches of 2x2 and a class token."""

    def __init__(self, width: int = 32, heads: int = 4, depth: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, kernel_size=2, stride=2)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 17, width))
        self.blocks = nn.Sequential(*(_EncoderBlock(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        token = self.class_token.expand(x.shape[0], -1, -1)
        x = torch.cat([token, tokens], dim=1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class _Standardise(nn.Module):
    """(x - mean) / deviation with the training data's own statistics, so that raw features go in."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))

    def fit(self, x: Tensor) -> None:
        self.mean.copy_(x.mean(dim=0))
        self.deviation.copy_(x.std(dim=0))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


class _GatedBlock(nn.Module):
    """x + dropout(a * sigmoid(b)), where a and b are the halves of one linear layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * width)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.linear(x).chunk(2, dim=1)
        return x + self.dropout(value * torch.sigmoid(gate))


class GatedMlp(nn.Module):
    """[N, 30] raw features -> [N, 2]."""

    def __init__(self, features: int = 30, width: int = 32) -> None:
        super().__init__()
        self.standardise = _Standardise(features)
        self.stem = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Dropout(0.3))
        self.blocks = nn.Sequential(_GatedBlock(width), _GatedBlock(width))
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(self.standardise(x))))


class WhistlesDsCnn(nn.Module):
    """[N, 1, 49, 10] -> [N, 6]."""

    def __init__(self, width: int = 24, blocks: int = 2) -> None:
        super().__init__()
        stem = nn.Conv2d(1, width, (10, 4), 2, (5, 1), bias=False)
        layers = [stem, nn.BatchNorm2d(width), nn.ReLU()]
        for _ in range(blocks):
            layers += [_conv(width, width, 3, groups=width), nn.ReLU(), _conv(width, width, 1), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(width, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.flatten(self.pool(self.body(x)), 1))


NETWORKS: dict[str, type[nn.Module]] = {
    "digits_resnet": DigitsResNet,
    "digits_mobilenet": DigitsMobileNet,
    "digits_vit": DigitsViT,
    "cancer_mlp": GatedMlp,
    "whistles_dscnn": WhistlesDsCnn,
}
