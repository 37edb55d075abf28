"""Refinements on a network whose channels differ by orders of magnitude: the defaults are robust."""

from __future__ import annotations

from benchmarks.stand_in import images, stand_in
from edgeconv.export.program import to_program
from edgeconv.quantize import QuantConfig, quantize
from edgeconv.runtime import Interpreter
from tests.harness import sqnr


def test_what_channels_of_all_sizes_lose_comes_back() -> None:
    graph, test = stand_in(0), images(96, 20)
    calibration = [{"x": images(32, 10 + part)} for part in range(4)]
    reference = Interpreter(to_program(graph))(test)

    def reached(config: QuantConfig) -> float:
        return sqnr(reference, Interpreter(to_program(quantize(graph, calibration, config)))(test))

    plain, fast, default = (
        reached(config) for config in (QuantConfig(refinements=()), QuantConfig(effort="fast"), QuantConfig())
    )
    assert fast > plain + 3
    assert default > plain + 9
    assert default > 25
