"""The accuracy gate of `convert` and `evaluate`: --max-drop, and --min-sqnr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeconv.errors import UsageError

if TYPE_CHECKING:
    from edgeconv.report import AccuracyReport

__all__ = ["check_gate", "gate_message"]


def check_gate(metric: str, max_drop: float | None) -> None:
    """UsageError where a drop cannot be measured."""
    if max_drop is not None and metric not in ("top1", "top5"):
        raise UsageError(f"--max-drop is a share of top1 or top5, which need labels; the metric here is {metric}")


def gate_message(report: AccuracyReport | None, max_drop: float | None, min_sqnr: float | None = None) -> str | None:
    """What to say when the drop is larger than `max_drop`, or the SQNR below `min_sqnr`; None when all is well."""
    if report is not None and min_sqnr is not None and (report.sqnr is None or report.sqnr < min_sqnr):
        found = "none without a reference" if report.sqnr is None else f"{report.sqnr:.1f} dB"
        return f"the SQNR is {found}, less than the {min_sqnr:g} dB that --min-sqnr asks for"
    if report is None or max_drop is None or not report.exceeds(max_drop):
        return None
    return (
        f"{report.metric} drops by {report.drop_points or 0:.2f} points, more than the {100 * max_drop:.2f} that "
        f"--max-drop {max_drop:g} allows"
    )
