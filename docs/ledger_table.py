"""What becomes of ONNX's own node tests, read off the ledger of `tests/onnx_backend`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

__all__ = ["function_list", "ledger_table"]

_LEDGER = Path(__file__).resolve().parents[1] / "tests" / "onnx_backend" / "ledger.txt"
_REFUSED_INSIDE = ("Bernoulli",)
"""Operators whose body draws random numbers."""


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


def function_list() -> str:
    """The ONNX operators that have no rule, but a body in ONNX's own definition, by which they convert."""
    import onnx

    from edgeconv.ops import load_all
    from edgeconv.ops.onnx_rules import REFUSED, RULES

    load_all()
    since: dict[str, int] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        has_body = schema.has_function or schema.has_context_dependent_function
        if has_body and schema.name not in _REFUSED_INSIDE and (schema.domain, schema.name) not in RULES | REFUSED:
            name = f"{schema.domain}.{schema.name}".removeprefix(".")
            since[name] = min(schema.since_version, since.get(name, schema.since_version))
    return ", ".join(f"{name} ({opset})" for name, opset in sorted(since.items())) + "."
