"""A run as a page: figures, tables, verdicts. Reads results only; needs no machine-learning library."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report.write import write_report

__all__ = ["write_report"]


def __getattr__(name: str) -> object:
    """Import matplotlib only when a report is asked for: `harness.report.tables` does without."""
    if name == "write_report":
        from harness.report.write import write_report

        return write_report
    raise AttributeError(f"module 'harness.report' has no attribute {name!r}")
