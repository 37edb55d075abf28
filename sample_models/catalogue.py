"""What the sample models are: the facts that the training script and the cards share. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "BREAST_CANCER",
    "DIGITS",
    "FILES",
    "INPUT",
    "LABELS",
    "OUTPUT",
    "ROOT",
    "SAMPLES",
    "SOUNDS",
    "Dataset",
    "Sample",
]

ROOT = Path(__file__).resolve().parent
FILES = ("model.onnx", "calib.npz", "test.npz")
INPUT, OUTPUT, LABELS = "input", "logits", "labels"


@dataclass(frozen=True)
class Dataset:
    """Where a model's data comes from, and how the held-out test set was drawn."""

    title: str
    origin: str
    creators: str
    doi: str
    licence: str
    values: str
    held_out: int


@dataclass(frozen=True)
class Sample:
    """One folder of sample_models: `exporter` is "torchscript" or "dynamo", `opset` what it was asked for.

    `folded` tells the TorchScript exporter to fold constants and BatchNormalization, which it does by default.
    """

    name: str
    title: str
    architecture: str
    dataset: Dataset
    exporter: str
    opset: int
    folded: bool = True

    @property
    def folder(self) -> Path:
        """The folder that holds the model, its data and its card."""
        return ROOT / self.name


DIGITS = Dataset(
    title="Optical Recognition of Handwritten Digits",
    origin="UCI Machine Learning Repository (its test part, 1797 images), as shipped by `sklearn.datasets.load_digits`",
    creators="E. Alpaydin and C. Kaynak, 1998",
    doi="10.24432/C50P49",
    licence="CC BY 4.0",
    values="Grey values 0..16, here divided by 16. The split is random and stratified by class, so that the 13\n"
    "writers occur in both parts.",
    held_out=720,
)
BREAST_CANCER = Dataset(
    title="Breast Cancer Wisconsin (Diagnostic)",
    origin="UCI Machine Learning Repository, as shipped by `sklearn.datasets.load_breast_cancer`",
    creators="W. Wolberg, O. Mangasarian, N. Street and W. Street, 1993",
    doi="10.24432/C5DW2B",
    licence="CC BY 4.0",
    values="The 30 features as measured, each in its own unit. Class 0 is malignant, 1 benign. The split is random\n"
    "and stratified by class.",
    held_out=285,
)
SOUNDS = Dataset(
    title="Whistles and beeps",
    origin="script `sample_models/sounds.py`, which synthesises them",
    creators="the edgeconv authors, 2026",
    doi="",
    licence="Apache-2.0",
    values="One second of sound as 49 frames of 10 coefficients, as `examples/mfcc.py` computes them. Classes:\n"
    "0 background, 1 steady, 2 rising, 3 falling, 4 beeps, 5 warble. No sound was recorded anywhere.",
    held_out=180,
)

SAMPLES = (
    Sample(
        name="digits_resnet",
        title="Residual CNN for 8x8 digits",
        architecture="3x3 stem, four basic residual blocks (16, 24, 24, 32 channels; two with stride 2, projected),\n"
        "global average pooling, one linear layer. BatchNormalization is left as nodes of its own.",
        dataset=DIGITS,
        exporter="torchscript",
        opset=17,
        folded=False,
    ),
    Sample(
        name="digits_mobilenet",
        title="MobileNetV3-style CNN for 8x8 digits",
        architecture="Inverted residuals: depthwise 3x3 convolutions, HardSwish, squeeze-and-excitation gates with\n"
        "HardSigmoid; then a pooled classifier of two layers.",
        dataset=DIGITS,
        exporter="dynamo",
        opset=20,
    ),
    Sample(
        name="digits_vit",
        title="Vision transformer for 8x8 digits",
        architecture="2x2 patches, a class token, learned positions, three pre-norm encoder blocks (width 32,\n"
        "four heads) with erf-GELU and LayerNorm. The graph keeps the shape arithmetic of a dynamic batch.",
        dataset=DIGITS,
        exporter="torchscript",
        opset=17,
    ),
    Sample(
        name="cancer_mlp",
        title="Gated residual MLP for tabular data",
        architecture="Standardisation of the raw features inside the network, a linear layer with SiLU, two residual\n"
        "blocks with gated linear units (Split, Sigmoid, Mul), a linear head.",
        dataset=BREAST_CANCER,
        exporter="dynamo",
        opset=18,
    ),
    Sample(
        name="whistles_dscnn",
        title="Depthwise-separable CNN for whistled commands",
        architecture="A small sibling of MLPerf Tiny's keyword spotting network, with the same features: a 10x4\n"
        "convolution, two depthwise-separable blocks of 24 channels, global average pooling, one linear layer.",
        dataset=SOUNDS,
        exporter="torchscript",
        opset=17,
    ),
)
