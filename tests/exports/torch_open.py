"""Networks whose height, width, length or past is open, as their authors export them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (everybody's name for it)
from torch import Tensor, nn

__all__ = ["NETWORKS", "Open"]

Inputs = Mapping[str, Tensor]


@dataclass(frozen=True)
class Open:
    """A network; its inputs at two sizes, the first of which is exported; the names of open axes by input."""

    make: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Inputs, Inputs]]
    axes: Mapping[str, Mapping[int, str]]
    opsets: tuple[int, ...] = (11, 17)


class Yolo(nn.Module):
    """Two levels, their cells as anchor points in real numbers, boxes from distributions: the head of YOLOv8."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.down = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 12, 3, 2, 1)
        self.heads = nn.ModuleList([nn.Conv2d(channels, 4 * 8 + 3, 1) for channels in (20, 12)])
        self.register_buffer("bins", torch.arange(8.0))

    def forward(self, x: Tensor) -> Tensor:
        """Boxes and scores (batch, 7, cells)."""
        fine = F.silu(self.stem(x))
        coarse = F.silu(self.down(fine))
        fine = torch.cat([F.interpolate(coarse, scale_factor=2.0), fine], 1)
        maps = [head(level) for head, level in zip(self.heads, (fine, coarse), strict=True)]
        flat = torch.cat([level.view(x.shape[0], 35, -1) for level in maps], 2)
        boxes, scores = flat.split((32, 3), 1)
        sides = boxes.view(x.shape[0], 4, 8, -1).softmax(2).mul(self.bins[:, None]).sum(2)
        points = torch.cat([self._points(level) for level in maps]).t()
        low, high = sides.chunk(2, 1)
        return torch.cat([points - low, points + high, scores.sigmoid()], 1)

    @staticmethod
    def _points(level: Tensor) -> Tensor:
        rows, columns = (torch.arange(size, dtype=torch.float32) + 0.5 for size in level.shape[2:])
        grid = torch.meshgrid(rows, columns, indexing="ij")
        return torch.stack(grid[::-1], -1).view(-1, 2)


class Crnn(nn.Module):
    """Convolutions until one row is left, LSTMs along it both ways, a letter for every column."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, (8, 2)))
        self.lstm, self.letters = nn.LSTM(12, 8, 2, bidirectional=True), nn.Linear(16, 11)

    def forward(self, x: Tensor) -> Tensor:
        """Logarithms of probabilities (columns, batch, 11)."""
        states, _ = self.lstm(self.conv(x).squeeze(2).permute(2, 0, 1))
        length, batch, size = states.size()
        letters = self.letters(states.view(length * batch, size)).view(length, batch, -1)
        return F.log_softmax(letters, 2)


class Separation(nn.Module):
    """Conv-TasNet: an encoder, masks for two speakers, a decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.norm = nn.Conv1d(1, 16, 8, 4, bias=False), nn.GroupNorm(1, 16)
        self.masks, self.decoder = nn.Conv1d(16, 32, 1), nn.ConvTranspose1d(16, 1, 8, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Two voices (batch, 2, samples)."""
        parts = F.relu(self.encoder(x.unsqueeze(1)))
        masks = self.masks(self.norm(parts)).view(x.shape[0], 2, 16, -1).sigmoid()
        voices = parts.unsqueeze(1) * masks
        found = self.decoder(voices.view(-1, 16, voices.shape[-1]))
        return found.view(x.shape[0], 2, -1)


class Gpt(nn.Module):
    """One layer of GPT-2 with the keys and values of the past, and a mask cut from a large one."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(40, 16), nn.Embedding(32, 16)
        self.qkv, self.norm = nn.Linear(16, 48), nn.LayerNorm(16)
        self.register_buffer("mask", torch.tril(torch.ones(32, 32)).view(1, 1, 32, 32).bool())

    def forward(self, ids: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (batch, words, 40), and the past from here on (2, batch, heads, words, 8)."""
        before, here = past.size(-2), ids.size(1)
        x = self.words(ids) + self.places(torch.arange(before, before + here).unsqueeze(0))
        parts = self.qkv(self.norm(x)).split(16, 2)
        q, k, v = (part.view(part.size(0), part.size(1), 2, 8).permute(0, 2, 1, 3) for part in parts)
        k, v = torch.cat((past[0], k), -2), torch.cat((past[1], v), -2)
        scores = q @ k.transpose(-1, -2) / 8**0.5
        mask = self.mask[:, :, k.size(-2) - q.size(-2) : k.size(-2), : k.size(-2)]
        weights = torch.where(mask, scores, torch.tensor(-1e4)).softmax(-1)
        found = x + (weights @ v).permute(0, 2, 1, 3).reshape(x.size(0), here, 16)
        return found @ self.words.weight.t(), torch.stack((k, v))


def _images(channels: int, *sizes: tuple[int, int, int]) -> Callable[[], tuple[Inputs, Inputs]]:
    def make() -> tuple[Inputs, Inputs]:
        first, second = ({"x": torch.randn(batch, channels, h, w)} for batch, h, w in sizes)
        return first, second

    return make


def _words() -> tuple[Inputs, Inputs]:
    first, second = (
        {"ids": torch.randint(0, 40, (batch, words)), "past": torch.randn(2, batch, 2, past, 8)}
        for batch, words, past in ((1, 3, 4), (2, 1, 7))
    )
    return first, second


def _waves() -> tuple[Inputs, Inputs]:
    return {"x": torch.randn(1, 160)}, {"x": torch.randn(2, 244)}


SIDES = {0: "batch", 2: "height", 3: "width"}
PAST = {"ids": {0: "batch", 1: "words"}, "past": {1: "batch", 3: "past"}}
NETWORKS = {
    "yolo": Open(Yolo, _images(3, (2, 32, 32), (1, 24, 64)), {"x": SIDES}),
    "yolo without names": Open(Yolo, _images(3, (1, 32, 32), (1, 24, 64)), {"x": {2: "?", 3: "?"}}, (11,)),
    "crnn": Open(Crnn, _images(1, (2, 16, 32), (1, 16, 50)), {"x": {0: "batch", 3: "width"}}, (9, 11, 17)),
    "separation": Open(Separation, _waves, {"x": {0: "batch", 1: "samples"}}),
    "gpt": Open(Gpt, _words, PAST, (13, 17)),
}
