"""Holds coverage to a bound, lines and branches each for themselves: `coverage_gate.py coverage.json 95`.

coverage.py's own gate mixes the two, so that covered lines can make up for branches never taken.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(report: str, least: str) -> int:
    """Print both figures; 1 where one is below `least` per cent."""
    totals = json.loads(Path(report).read_text(encoding="utf-8"))["totals"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    print(f"covered: {lines:.1f} % of lines, {branches:.1f} % of branches; at least {least} % of each is needed")
    return int(min(lines, branches) < float(least))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
