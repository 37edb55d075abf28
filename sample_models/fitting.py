"""Data and training loop of the sample models: seeded, single-threaded, so that a rerun gives the same weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from catalogue import DIGITS, SOUNDS, Dataset
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sounds import CLASSES, features_of, sound
from torch import Tensor, nn

__all__ = ["SEED", "Recipe", "Split", "accuracy", "fit", "load_split"]

SEED = 20260117
_SOUNDS_PER_CLASS = 400


@dataclass(frozen=True)
class Split:
    """Training and held-out samples: float32 inputs with the batch on axis 0, int64 labels."""

    train_x: NDArray[np.float32]
    test_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    test_y: NDArray[np.int64]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: AdamW under a one-cycle schedule, cross-entropy with label smoothing.

    `warp` is how far images are moved at random, as a part of half the picture; `noise` the deviation of Gaussian
    noise, in standard deviations of each feature.
    """

    epochs: int
    rate: float
    decay: float = 0.05
    smoothing: float = 0.1
    batch: int = 64
    warp: float = 0.0
    noise: float = 0.0


def load_split(dataset: Dataset) -> Split:
    """Draw the stratified split of a dataset; the same one every time."""
    if dataset is SOUNDS:
        x, y = _sounds()
    elif dataset is DIGITS:
        digits = load_digits()
        x, y = digits.images[:, None] / 16.0, digits.target
    else:
        x, y = load_breast_cancer(return_X_y=True)
    parts = train_test_split(
        x.astype(np.float32), y.astype(np.int64), test_size=dataset.held_out, stratify=y, random_state=SEED
    )
    return Split(*parts)


def _sounds() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Synthesised sounds, as many of each class."""
    random = np.random.default_rng(SEED)
    labels = np.tile(np.arange(len(CLASSES)), _SOUNDS_PER_CLASS)
    return features_of(np.stack([sound(label, random) for label in labels])), labels


def accuracy(network: nn.Module, x: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    """Top-1 accuracy in 0..1, in evaluation mode."""
    network.eval()
    with torch.no_grad():
        predicted = network(torch.from_numpy(x)).argmax(dim=1).numpy()
    return float(np.mean(predicted == y))


def fit(network: nn.Module, x: NDArray[np.float32], y: NDArray[np.int64], recipe: Recipe) -> None:
    """Train in place and leave the network in evaluation mode."""
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    steps = recipe.epochs * (len(x) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=recipe.rate, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)
    deviation = inputs.std(dim=0)
    network.train()
    for _ in range(recipe.epochs):
        order = torch.randperm(len(inputs))
        for start in range(0, len(inputs) - recipe.batch + 1, recipe.batch):
            chosen = order[start : start + recipe.batch]
            batch = _augment(inputs[chosen], deviation, recipe)
            optimizer.zero_grad()
            loss_of(network(batch), labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    network.eval()


def _augment(batch: Tensor, deviation: Tensor, recipe: Recipe) -> Tensor:
    if recipe.warp:
        batch = _warp(batch, recipe.warp)
    if recipe.noise:
        batch = batch + recipe.noise * deviation * torch.randn_like(batch)
    return batch


def _warp(images: Tensor, amount: float) -> Tensor:
    """Move, turn, shear and scale each image a little; what comes in from outside is background."""
    n = len(images)
    matrix = torch.eye(2, 3).repeat(n, 1, 1)
    matrix[:, :, :2] += 0.5 * amount * (2 * torch.rand(n, 2, 2) - 1)
    matrix[:, :, 2] += amount * (2 * torch.rand(n, 2) - 1)
    grid = nn.functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)
