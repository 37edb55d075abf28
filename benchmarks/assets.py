"""The models in EDGECONV_ASSETS, their data, and what was done to it in training."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeconv.core import Array, TensorType
from edgeconv.data import Preprocessing, open_data
from edgeconv.dims import symbol

__all__ = ["CLASSIFIERS", "MODELS", "UNLABELLED", "Asset", "assets_folder"]

CIFAR = Preprocessing(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
CIFAR_OWN = Preprocessing(scale=1 / 255, mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))


@dataclass(frozen=True)
class Asset:
    """One model: the input's name and shape (without the batch), its data, relative to the folder of assets.

    `rescale`: (factor, offset) applied to stored arrays. `batch`: what the model's own batch size is fixed at, or None.
    `data` is empty where there is none; then the model is measured on random input.
    """

    name: str
    input: str
    shape: tuple[int, ...]
    calibration_data: str = ""
    test_data: str = ""
    images: Preprocessing | None = None
    rescale: tuple[float, float] | None = None
    batch: int | None = None

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return assets_folder() / f"{self.name}.onnx"

    def calibration(self) -> dict[str, Array]:
        """Calibration samples by input name."""
        return {self.input: self._load(self.calibration_data)[0]}

    def test(self) -> tuple[dict[str, Array], Array]:
        """Test samples by input name, and their labels."""
        samples, labels = self._load(self.test_data)
        if labels is None:
            raise SystemExit(f"{self.test_data} has no labels")
        return {self.input: samples}, labels

    def _load(self, data: str) -> tuple[Array, Array | None]:
        if data.endswith(".npz"):
            found = np.load(assets_folder() / data)
            samples = found[next(name for name in found.files if name != "labels")]
            labels = found["labels"] if "labels" in found.files else None
            if self.rescale is not None:
                samples = (samples * np.float32(self.rescale[0]) + np.float32(self.rescale[1])).astype(np.float32)
            return samples, labels
        known = {self.input: TensorType("float32", (symbol("N"), *self.shape))}
        batches = list(open_data(assets_folder() / data, known, self.images).batches(64))
        labels = [batch.labels for batch in batches if batch.labels is not None]
        samples = np.concatenate([batch.inputs[self.input] for batch in batches])
        return samples, np.concatenate(labels) if labels else None


def assets_folder() -> Path:
    """The folder that EDGECONV_ASSETS names; SystemExit where it is not there."""
    folder = Path(os.environ.get("EDGECONV_ASSETS", "")).resolve()
    if not os.environ.get("EDGECONV_ASSETS") or not folder.is_dir():
        raise SystemExit("set EDGECONV_ASSETS to the folder of models")
    return folder


_DIGIT, _COLOUR = (1, 28, 28), (3, 32, 32)
_MNIST = ("mnist/calib_image.npz", "mnist/test_image.npz")
_CIFAR = ("cifar10/calib", "cifar10/test")

CLASSIFIERS = (
    Asset("kws_dscnn", "input_1", (49, 10, 1), "kws_dscnn/calib.npz", "kws_dscnn/test.npz"),
    Asset("resnet8_cifar10", "input_1", (32, 32, 3), *_CIFAR, images=Preprocessing()),
    Asset("resnet20_cifar10_ts17", "input", _COLOUR, *_CIFAR, images=CIFAR),
    Asset("resnet20_cifar10_dynamo20", "input", _COLOUR, *_CIFAR, images=CIFAR),
    Asset("mbnet_cifar10_ts17_unfusedbn", "input", _COLOUR, *_CIFAR, images=CIFAR_OWN),
    Asset("mbnet_cifar10_dynamo", "input", _COLOUR, *_CIFAR, images=CIFAR_OWN),
    Asset("etinynet1.0_ts13", "input", (3, 224, 224), "imagenet/calib", "imagenet/test", Preprocessing(mean=(128.0,))),
    Asset("vit_mnist_ts17", "input", _DIGIT, *_MNIST),
    Asset("vit_mnist_dynamo", "input", _DIGIT, *_MNIST),
    Asset("lstm_mnist_ts17", "input", (28, 28), "mnist/calib_rows.npz", "mnist/test_rows.npz"),
    Asset("mnist_cntk", "Input3", _DIGIT, *_MNIST, rescale=(0.3081 * 255, 0.1307 * 255), batch=1),
)
UNLABELLED = (
    Asset("yunet_n_dynamic", "input", (3, 160, 160)),
    Asset("ppocr_cls", "x", (3, 48, 192)),
)
MODELS = CLASSIFIERS + UNLABELLED
