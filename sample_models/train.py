"""Train the sample models on data that ships inside scikit-learn, and export them to ONNX.

    pip install edgeconv[samples]
    python sample_models/train.py [name ...]

Each named model (all of them by default) gets `model.onnx`, `calib.npz` and `test.npz`; `cards.py` then measures them.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings

import numpy as np
import onnx
import torch
from catalogue import INPUT, LABELS, OUTPUT, SAMPLES, Sample
from fitting import SEED, Recipe, Split, accuracy, fit, load_split
from networks import NETWORKS, GatedMlp
from sklearn.model_selection import train_test_split
from torch import nn

_CALIBRATION_SAMPLES = 160
_RECIPES = {
    "digits_resnet": Recipe(epochs=60, rate=4e-3, warp=0.2),
    "digits_mobilenet": Recipe(epochs=80, rate=6e-3, warp=0.2),
    "digits_vit": Recipe(epochs=220, rate=3e-3, warp=0.2),
    "cancer_mlp": Recipe(epochs=60, rate=2e-3, decay=0.1, batch=32, noise=0.2),
    "whistles_dscnn": Recipe(epochs=30, rate=8e-3),
}
_log = logging.getLogger("sample_models")


def main() -> None:
    """Make the models named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(NETWORKS))
    wanted = parser.parse_args().names or list(NETWORKS)
    unknown = sorted(set(wanted) - set(NETWORKS))
    if unknown:
        parser.error(f"no sample model is called {unknown[0]!r}: choose from {', '.join(NETWORKS)}")
    logging.basicConfig(format="%(message)s")
    _log.setLevel(logging.INFO)
    warnings.simplefilter("ignore")  # both exporters warn about themselves, not about these models
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for sample in SAMPLES:
        if sample.name in wanted:
            make(sample)


def make(sample: Sample) -> None:
    """Train one model and write its three files."""
    started = time.perf_counter()
    split = load_split(sample.dataset)
    network = train(sample, split)
    sample.folder.mkdir(exist_ok=True)
    example = torch.from_numpy(split.train_x[:2])
    export = _export_torchscript if sample.exporter == "torchscript" else _export_dynamo
    export(network, example, sample)
    _save_data(sample, split)
    score, seconds = accuracy(network, split.test_x, split.test_y), time.perf_counter() - started
    _log.info("%s: test accuracy %.2f %% (%.0f s)", sample.name, 100 * score, seconds)


def train(sample: Sample, split: Split) -> nn.Module:
    """Return the trained network, in evaluation mode."""
    torch.manual_seed(SEED)
    network = NETWORKS[sample.name]()
    if isinstance(network, GatedMlp):
        network.standardise.fit(torch.from_numpy(split.train_x))
    fit(network, split.train_x, split.train_y, _RECIPES[sample.name])
    return network


def _export_torchscript(network: nn.Module, example: torch.Tensor, sample: Sample) -> None:
    """Export by tracing; without folding, BatchNormalization stays a node of its own."""
    mode = torch.onnx.TrainingMode.EVAL if sample.folded else torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(
        network,
        (example,),
        str(sample.folder / "model.onnx"),
        dynamo=False,
        opset_version=sample.opset,
        training=mode,
        do_constant_folding=sample.folded,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
    )


def _export_dynamo(network: nn.Module, example: torch.Tensor, sample: Sample) -> None:
    """Export by `torch.export`, weights inside the file, without the stack traces that name this machine's folders."""
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        opset_version=sample.opset,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    assert program is not None  # what dynamo=True promises
    model = program.model_proto
    for node in model.graph.node:
        kept = [entry for entry in node.metadata_props if "stack_trace" not in entry.key]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    onnx.save(model, sample.folder / "model.onnx")


def _save_data(sample: Sample, split: Split) -> None:
    """Write the calibration samples (training data, stratified) and the test set."""
    calibration, _ = train_test_split(
        split.train_x, train_size=_CALIBRATION_SAMPLES, stratify=split.train_y, random_state=SEED
    )
    np.savez_compressed(sample.folder / "calib.npz", **{INPUT: calibration})
    np.savez_compressed(sample.folder / "test.npz", **{INPUT: split.test_x, LABELS: split.test_y})


if __name__ == "__main__":
    main()
