"""A report with everything in it, every name of it hostile: for all who draw reports."""

from __future__ import annotations

from math import inf

from edgeconv.data.input_statistics import InputFacts
from edgeconv.report import AccuracyReport, Conversion, FloatNode, ModelFacts, OutputFidelity, PassEffect
from edgeconv.report.accuracy import Flip, Flips
from edgeconv.report.layers import Histogram, LayerFacts, LayerReport, Repair
from edgeconv.report.record import Attempt, LayerChoice, RaisedValue, RefinementRecord, Trial
from edgeconv.runtime.profile import Profile, StepProfile

__all__ = ["HOSTILE", "full_report", "layer_report"]

HOSTILE = (
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; rm -rf / #",
    "<style>*{display:none}</style>",
    "a\nb\x1b[31m\x00\u202e",
    "&lt;already&gt;",
    "| [link](http://example.com) `code`",
    "/a/very/long/name" * 20,
)


def layer_report(names: tuple[str, ...] = HOSTILE) -> LayerReport:
    """One layer per name, in every state that there is."""
    layers = tuple(
        LayerFacts(
            name=name,
            operator="Conv",
            value=f"{name}.out",
            dtype="float32" if number == 3 else "int16" if number == 4 else "int8",
            local=inf if number == 2 else 40.0 - number,
            cumulative=inf if number == 2 else 35.0 - number,
            alone=None if number == 1 else 50.0 - number,
            harm=1 / len(names),
            weights=None if number % 2 else 41.5,
            saturated=0.001 * number,
            seen=(-1.5 * number, 4.25),
            held=None if number == 3 else (-717.0, 717.0) if number == 4 else (-1.0, 4.0),
            rescaled=number == 4,
            histogram=Histogram(-1.5 * number, 4.25, tuple(range(64))) if number < 6 else None,
        )
        for number, name in enumerate(names)
    )
    return LayerReport(
        reference=ModelFacts(names[0], "fp32", 12, 1_234_567, "ab", 65_536),
        candidate=ModelFacts(names[1], "int8", 9, 345_678, "cd", 16_384),
        samples=300,
        harm_samples=64,
        layers=layers,
        outputs=(OutputFidelity(names[2], 31.25, 1e-3, 0.5), OutputFidelity(names[3], inf, 0.0, 0.0)),
        unmatched=(names[4],),
        data=names[5],
        repair=Repair(names[:2], names[:2], 31.2, 34.8, 64, "edgeconv convert '<b>' --exclude x", False),
        command="edgeconv compare a b --data '<i>'",
        warnings=(names[0],),
        provenance={"model.<u>key</u>": names[1]},
    )


def full_report() -> AccuracyReport:
    """Everything at once."""
    layers = layer_report()
    raised = (RaisedValue((HOSTILE[0],), "int16", 27.5, 0.07),)
    return AccuracyReport(
        metric="top1",
        samples=1000,
        candidate=layers.candidate,
        reference=layers.reference,
        int8=0.785,
        fp32=0.8,
        agreement=0.97,
        outputs=layers.outputs,
        data=HOSTILE[6],
        flips=Flips(10, 1000, 30, 20, 5, tuple(Flip(a, (a + 1) % 10, 30 - a, 20 - a, 5) for a in range(10))),
        layers=layers,
        inputs=(InputFacts(HOSTILE[0], 0.02, 1.0, -2.0, 2.0),),
        calibration_inputs=(InputFacts(HOSTILE[0], 118.2, 60.0, 0.0, 255.0),),
        profile=Profile(0.01, 30, tuple(StepProfile(name, "Conv", 1e-3, 10, 10) for name in HOSTILE)),
        preprocessing="scale 1, mean 0",
        command="edgeconv evaluate '<b>'",
        conversion=Conversion(
            precision="int8",
            operators_before=291,
            operators_after=47,
            passes=(PassEffect("import", 291, 200), PassEffect("fuse_clamp", 44, 44), PassEffect("split", 5, -3)),
            float_nodes=(FloatNode(HOSTILE[1], "LSTM", HOSTILE[2]),),
            bytes_before=1_234_567,
            bytes_after=345_678,
            method="mse",
            calibration_samples=256,
            warnings=(HOSTILE[3],),
            refinement=RefinementRecord(
                effort="best",
                layers=(LayerChoice(HOSTILE[1], "y", "Conv", "nearest", {"nearest": 1.0, "gptq": 2.0}, 900.0),),
                observed=(Trial("mse", 24.0, False), Trial("minmax", 25.5, True)),
                trials=(Trial(HOSTILE[0], 30.0, True), Trial("plain", 29.0, False)),
                held_back=64,
                stopped=HOSTILE[4],
                raised=raised,
                attempts=(Attempt(raised, 0.93, 0.004, True),),
                cheap=raised,
                undone=(HOSTILE[5],),
            ),
        ),
        warnings=(HOSTILE[0],),
        provenance={"model.sha256": "ab"},
    )
