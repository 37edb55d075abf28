"""100,000 runs in a row, each model in a process of its own: what they take more at the end than at the beginning.

    python -m benchmarks.soak            keyword spotting in $EDGECONV_ASSETS where that is set, and the sample models

Exit code 1 where Python's own memory or what is resident has grown.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import edgeconv
from benchmarks.memory import models
from benchmarks.table import publish, table
from edgeconv.core import Array

HEADER = ("model", "threads", "runs", "resident after 1,000", "at the end", "memory blocks of Python more")
_RUNS, _WARM = 100_000, 1_000
_MODELS = ("kws_dscnn", "whistles_dscnn", "digits_vit")
_MOST_BLOCKS, _MOST_BYTES = 64, 1 << 18
"""What the machinery that counts may take, and the allocator of libc between two readings."""
_PROGRAM = """
import json, re, sys
import numpy as np
from edgeconv.runtime import Interpreter

interpreter = Interpreter(sys.argv[1], threads=int(sys.argv[2]))
known = [interpreter.input_type(name) for name in interpreter.input_names]
inputs = [np.ones([dim if isinstance(dim, int) else 1 for dim in each.shape], np.float32) for each in known]


def after(runs):
    for _ in range(runs):
        interpreter(*inputs)
    status = open("/proc/self/status").read()
    return 1024 * int(re.search(r"VmRSS:\\s+(\\d+)", status)[1]), sys.getallocatedblocks()


print(json.dumps([after(int(sys.argv[3])), after(int(sys.argv[4]))]))
"""


def main() -> None:
    """Measure, print, and fail where anything grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    given, rows, has_grown = parser.parse_args(), [], False
    for name, threads, (first, last) in _measured():
        resident = [f"{each[0] / 1e6:.1f} MB" for each in (first, last)]
        blocks = last[1] - first[1]
        has_grown |= blocks > _MOST_BLOCKS or last[0] - first[0] > _MOST_BYTES
        rows.append([name, str(threads), f"{_RUNS:,}", *resident, f"{blocks:,}"])
        print(" | ".join(rows[-1]), flush=True)
    publish("soak", table(HEADER, rows), given.write)
    raise SystemExit("memory grows" if has_grown else 0)


def _measured() -> Iterator[tuple[str, int, list[list[int]]]]:
    """(model, threads, (bytes resident, blocks allocated) after the first runs and after all)."""
    wanted = [each for each in models() if each[0] in _MODELS]
    for name, model, samples in sorted(wanted, key=lambda each: _MODELS.index(each[0])):
        for threads in (1, 2):
            yield name, threads, _run(model, samples, threads)


def _run(model: Path, samples: dict[str, Array], threads: int) -> list[list[int]]:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.edge")
        edgeconv.convert(model, calibration=samples).save(path)
        words = [sys.executable, "-c", _PROGRAM, path, str(threads), str(_WARM), str(_RUNS - _WARM)]
        found = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    counts: list[list[int]] = json.loads(found)
    return counts


if __name__ == "__main__":
    main()
