"""The sensor loop on lines of numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeconv.core import Array
from edgeconv.runtime import Interpreter
from edgeconv_cli.main import run_commands
from tests.examples.running import SAMPLES, run_example


def _model(folder: Path) -> tuple[Path, Array]:
    """An int8 file of the tabular sample model, and ten of its test samples."""
    sample = SAMPLES / "cancer_mlp"
    given = [str(sample / "model.onnx"), str(folder / "cancer.edge"), "--calib", str(sample / "calib.npz"), "--quiet"]
    assert run_commands(["convert", *given]) == 0
    with np.load(sample / "test.npz") as data:
        return folder / "cancer.edge", data["input"][:10]


def test_every_line_is_judged(tmp_path: Path) -> None:
    edge, x = _model(tmp_path)
    text = "a,header\n1,2\n" + "".join(",".join(f"{v:.9g}" for v in row) + "\n" for row in x) + "nan " * 30 + "\n0.5 0."
    done = run_example("watch_sensor.py", edge, stdin=text)
    assert (done.returncode, done.stderr) == (0, "")
    found = [int(line.split()[2]) for line in done.stdout.splitlines()]
    assert found == list(Interpreter(edge)(x).argmax(axis=1))


def test_the_alarm_waits_until_it_is_sure(tmp_path: Path) -> None:
    edge, x = _model(tmp_path)
    classes = Interpreter(edge)(x).argmax(axis=1)
    sick, well = (x[classes == label][0] for label in (0, 1))
    rows = [sick, sick, well, sick, sick, sick, sick]
    (tmp_path / "readings.csv").write_text("".join(" ".join(f"{v:.9g}" for v in row) + "\n" for row in rows))
    done = run_example("watch_sensor.py", edge, "--file", tmp_path / "readings.csv", "--alarm", 0)
    assert [line.split()[0] for line in done.stdout.splitlines() if line.endswith("ALARM")] == ["6"]


def test_what_cannot_be_judged_is_said(tmp_path: Path) -> None:
    edge, _ = _model(tmp_path)
    missing = run_example("watch_sensor.py", edge, "--file", tmp_path / "none.csv")
    assert (missing.returncode, missing.stderr) == (
        1,
        f"{tmp_path / 'none.csv'} cannot be read: No such file or directory\n",
    )
    short = run_example("watch_sensor.py", edge, stdin="1,2\n3,4\n")
    assert (short.returncode, short.stderr) == (1, "nothing to judge: a reading is a line of 30 numbers\n")


def test_a_model_of_another_kind_is_refused() -> None:
    golden = SAMPLES.parent / "tests" / "golden" / "digits_resnet.edge"
    done = run_example("watch_sensor.py", golden, stdin="1 2 3\n")
    assert done.returncode == 1
    assert "needed is a model with one input" in done.stderr
