"""A sensor loop: numbers come in line by line, a model judges each line or window of lines, and a rule speaks up.

    sensor | python3 examples/watch_sensor.py cancer.edge --alarm 0
    python3 examples/watch_sensor.py model.pyz --file readings.csv

One line is one reading: numbers with commas or spaces between them. Where the model takes [N, numbers], each line is
judged alone; where it takes [N, readings, numbers], a window slides over the lines. Lines that are no numbers (a
header, half a line after plugging in) are passed over. What a model with a state must remember, its interpreter keeps.
`--alarm CLASS` prints ALARM when that class has won `--patience` times in a row.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, TextIO

import numpy as np
from numpy.typing import NDArray
from opening import open_model

if TYPE_CHECKING:
    from edgeconv.runtime import Interpreter


def main(arguments: Sequence[str] | None = None) -> int:
    """Read until the end of the file, or for ever."""
    given = _parser().parse_args(arguments)
    interpreter = open_model(given.model)
    count = _numbers_per_line(interpreter)
    with _opened(given.file) if given.file else nullcontext(sys.stdin) as lines:
        number = run_length = 0
        for number, best, score in judge(interpreter, readings(lines, count)):
            run_length = run_length + 1 if best == given.alarm else 0
            alarm = "  ALARM" if run_length == given.patience else ""
            print(f"{number:6d}  class {best}  score {score:.4g}{alarm}", flush=True)
    if not number:
        sys.exit(f"nothing to judge: a reading is a line of {count} numbers")
    return 0


def _opened(path: str) -> TextIO:
    try:
        return open(path, encoding="utf-8", errors="replace")
    except OSError as error:
        sys.exit(f"{path} cannot be read: {error.strerror}")


def readings(lines: Iterable[str], count: int) -> Iterator[NDArray[np.float32]]:
    """The lines that hold `count` finite numbers."""
    for line in lines:
        try:
            values = np.array(line.replace(",", " ").split(), np.float32)
        except ValueError:
            continue
        if len(values) == count and np.isfinite(values).all():
            yield values


def judge(interpreter: Interpreter, values: Iterable[NDArray[np.float32]]) -> Iterator[tuple[int, int, float]]:
    """(number of the line, best class, its score), once the window is full."""
    known = interpreter.input_type(interpreter.input_names[0])
    window: deque[NDArray[np.float32]] = deque(maxlen=1 if known.rank == 2 else int(known.shape[1]))
    for number, line in enumerate(values, 1):
        window.append(line)
        if len(window) == window.maxlen:
            scores = interpreter(window[0][None] if known.rank == 2 else np.stack(window)[None]).reshape(-1)
            best = int(scores.argmax())
            yield number, best, float(scores[best])


def _numbers_per_line(interpreter: Interpreter) -> int:
    known = interpreter.input_type(interpreter.input_names[0])
    if (
        len(interpreter.input_names) != 1
        or known.rank not in (2, 3)
        or not all(isinstance(d, int) for d in known.shape[1:])
    ):
        sys.exit(f"needed is a model with one input [N, numbers] or [N, readings, numbers]; this one takes {known}")
    return int(known.shape[-1])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .edge file, or what `edgeconv deploy` wrote")
    parser.add_argument("--file", help="instead of standard input; a device file such as /dev/ttyUSB0 works, too")
    parser.add_argument("--alarm", type=int, metavar="CLASS", help="the class to speak up for")
    parser.add_argument("--patience", type=int, default=3, help="how many times in a row it must win")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
