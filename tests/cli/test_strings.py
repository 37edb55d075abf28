"""Samples of strings and of text, from .npz and .npy files, through every command that reads samples."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeconv.core import Array
from tests.cli.conftest import Command
from tests.harness import data, reference_outputs
from tests.importer.models import model_from

HEADER = '<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 3, "com.microsoft" : 1]>\n'
TEXT = """agraph (string[N,1] town, string[N,1] note, float[N,3] size) => (float[N,4] y) {
    a = ai.onnx.ml.OneHotEncoder <cats_strings = ["Bern", "Graz", "Ulm"], zeros = 1> (town)
    b = Reshape (a, rows)  c = Reshape (note, flat)
    d = StringNormalizer <case_change_action = "LOWER", is_case_sensitive = 0, locale = "C"> (c)
    e = com.microsoft.Tokenizer <mark = 0, mincharnum = 2, pad_value = "#", tokenexp = "[a-z]+"> (d)
    f = Flatten (e)  g = TfIdfVectorizer <mode = "TF", min_gram_length = 1, max_gram_length = 2, max_skip_count = 0,
        ngram_counts = [0, 3], ngram_indexes = [0, 1, 2, 3], pool_strings = ["red", "fox", "the", "red", "fox"]> (f)
    h = Concat <axis = 1> (b, g, size)  i = MatMul (h, w)  y = Add (i, bias) }"""
ROWS, WORDS = 40, ("Red", "fox", "the", "a", "barks!", "moon-red")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A network that reads towns, notes and sizes."""
    shapes = "int64[2] rows = {-1, 3}, int64[1] flat = {-1}"
    built = model_from(TEXT.replace(" {", f" <{shapes}, float[10,4] w, float[4] bias> {{", 1), HEADER)
    for name, array in (("w", data(10, 4)), ("bias", data(4))):
        built.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    onnx.save(built, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.fixture
def samples() -> dict[str, Array]:
    """One array for each input; a town that the model does not know, and texts of several lengths."""
    dice = np.random.default_rng(3)
    notes = [" ".join(dice.choice(WORDS, dice.integers(0, 6))) for _ in range(ROWS)]
    towns = dice.choice(["Bern", "Graz", "Ulm", "Rome"], (ROWS, 1))
    return {"town": towns, "note": np.array(notes)[:, None], "size": data(ROWS, 3)}


@pytest.mark.parametrize("kind", ["U", "S"])
def test_run_gives_what_onnx_runtime_gives(
    kind: str, edgeconv: Command, model: Path, samples: dict[str, Array], tmp_path: Path
) -> None:
    texts = {name: array.astype(object) if array.dtype.kind == "U" else array for name, array in samples.items()}
    (want,) = reference_outputs(onnx.load(model), texts, "onnxruntime")
    stored = {name: array.astype(kind) if array.dtype.kind == "U" else array for name, array in samples.items()}
    np.savez(tmp_path / "samples.npz", **stored)
    assert edgeconv("run", model, "-i", tmp_path / "samples.npz", "-o", tmp_path / "y.npy").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), want, rtol=1e-5, atol=1e-6)
    for name, array in stored.items():
        np.save(tmp_path / f"{name}.npy", array)
    given = [part for name in stored for part in ("-i", f"{name}={tmp_path / name}.npy")]
    assert edgeconv("run", model, *given, "-o", tmp_path / "y.npy", "--force").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), want, rtol=1e-5, atol=1e-6)


def test_every_command_takes_them(edgeconv: Command, model: Path, samples: dict[str, Array], tmp_path: Path) -> None:
    file, edge = tmp_path / "samples.npz", tmp_path / "model.edge"
    np.savez(file, **samples, labels=np.zeros(ROWS, np.int64))  # type: ignore[arg-type]
    assert edgeconv("inspect", model, "--support").code == 0
    assert edgeconv("convert", model, edge, "--calib", file, "--eval", file).code == 0
    report = json.loads(edgeconv("evaluate", edge, "--data", file, "--reference", model, "--json").out)
    assert report["outputs"][0]["sqnr_db"] > 30
    assert edgeconv("compare", model, edge, "--data", file).code == 0
    assert edgeconv("deploy", edge, "-o", tmp_path / "model.pyz", "--golden", file).code == 0
    shown = subprocess.run(
        [sys.executable, tmp_path / "model.pyz", "--demo"], capture_output=True, text=True, check=True
    )
    assert "bit-exact on this machine: yes" in shown.stdout
    subprocess.run([sys.executable, tmp_path / "model.pyz", file, "-o", tmp_path / "device.npy"], check=True)
    assert edgeconv("run", edge, "-i", file, "-o", tmp_path / "here.npy").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "device.npy"), np.load(tmp_path / "here.npy"))


def test_strings_for_numbers_are_refused(
    edgeconv: Command, model: Path, samples: dict[str, Array], tmp_path: Path
) -> None:
    np.savez(tmp_path / "samples.npz", **{**samples, "size": samples["size"].astype(str)})
    found = edgeconv("run", model, "-i", tmp_path / "samples.npz")
    assert found.code == 1
    assert "array 'size' is <U32, input 'size' takes float32; the model takes numbers there" in found.err


def test_random_text_is_refused(edgeconv: Command, model: Path, tmp_path: Path) -> None:
    found = edgeconv("convert", model, tmp_path / "model.edge", "--calib", "random:4")
    assert "random data needs a known shape, but input 'note' is int64[N,1,note_words]; give samples" in found.err
