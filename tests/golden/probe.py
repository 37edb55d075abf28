"""What a fresh process with a number of threads of its own computes: `python -m tests.golden.probe OUT.npz`."""

from __future__ import annotations

import sys

import numpy as np

from edgeconv.runtime import Interpreter
from tests.golden.files import MODELS, edge_file, raw_outputs, samples
from tests.golden.wide import wide_input, wide_program


def main(target: str) -> None:
    """Raw outputs of the golden models and of the wide one, by name."""
    found = {name: raw_outputs(Interpreter(edge_file(name)), samples(name), 7) for name in MODELS}
    np.savez(target, wide=Interpreter(wide_program())(wide_input(), raw=True), **found)


if __name__ == "__main__":
    main(sys.argv[1])
