"""Floor 2: reports as plain data (compare -> AccuracyReport), and pure renderers: text, JSON, Markdown."""

from edgeconv.report.accuracy import CLASSIFICATION, METRICS, AccuracyReport, ModelFacts, OutputFidelity
from edgeconv.report.conversion import Conversion, FloatNode, PassEffect

__all__ = [
    "CLASSIFICATION",
    "METRICS",
    "AccuracyReport",
    "Conversion",
    "FloatNode",
    "ModelFacts",
    "OutputFidelity",
    "PassEffect",
]
