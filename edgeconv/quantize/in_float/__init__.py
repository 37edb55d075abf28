"""What stays in float although its operators have an int8 form: 8 bits would leave nothing of something there.

One file for each such place. A rule gives first output -> reason of the nodes it is about.
"""

from __future__ import annotations

from collections.abc import Callable

from edgeconv.graph import Graph
from edgeconv.quantize.in_float.decoding import decoding
from edgeconv.quantize.in_float.masks import masked_softmax
from edgeconv.quantize.in_float.missing import missing
from edgeconv.quantize.in_float.spectra import spectra
from edgeconv.quantize.in_float.standardising import standardising
from edgeconv.quantize.in_float.tails import Ranges, tails

__all__ = ["BY_FORM", "Ranges", "tails"]

BY_FORM: tuple[Callable[[Graph], dict[str, str]], ...] = (standardising, masked_softmax, spectra, decoding, missing)
"""The rules that the graph alone decides; where several are about a node, the last gives the reason.

`tails` looks at what calibration has seen as well.
"""
