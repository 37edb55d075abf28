"""Same input, same options, same bytes out: no timestamps, no set order, nothing of the machine in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_models"

_CONVERT = """
import sys
import edgeconv
model, calibration, target = sys.argv[1:]
edgeconv.convert(model, calibration=calibration).save(target)
"""


@pytest.mark.parametrize("name", ["digits_resnet", "digits_vit", "cancer_mlp"])
def test_two_conversions_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    files = []
    for seed in ("0", "1"):
        folder = tmp_path / seed
        folder.mkdir()
        files.append(folder / f"{seed}.edge")
        arguments = [str(SAMPLES / name / "model.onnx"), str(SAMPLES / name / "calib.npz"), str(files[-1])]
        settings = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", _CONVERT, *arguments], env=settings, cwd=folder, check=True)
    assert files[0].read_bytes() == files[1].read_bytes()
