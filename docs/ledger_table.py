"""What becomes of ONNX's own node tests, read off the ledger of `tests/onnx_backend`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

__all__ = ["ledger_table"]

_LEDGER = Path(__file__).resolve().parents[1] / "tests" / "onnx_backend" / "ledger.txt"


def ledger_table() -> str:
    """How many cases pass, with bound inputs or without, and how many do not for which reason."""
    outcomes = [line.split(": ", 1)[1] for line in _LEDGER.read_text(encoding="utf-8").splitlines()]
    bound = sum(outcome.startswith("pass (") for outcome in outcomes)
    plain = outcomes.count("pass")
    reasons = Counter(outcome for outcome in outcomes if not outcome.startswith("pass"))
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    rows = [f"| {reason} | {count} |" for reason, count in ordered]
    return "\n".join(
        [
            f"{plain + bound} of {len(outcomes)} cases pass, {bound} of them with inputs bound to their values.",
            "",
            "| the others do not, by this rule | cases |",
            "| --- | --- |",
            *rows,
        ]
    )
