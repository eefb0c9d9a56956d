"""When is traditional machine learning the right tool, and when is deep learning? Settled by experiment.

`harness.load_results(path)` gives a run as pandas tables; everything else is the `harness` command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.results import load_results

__version__ = "0.1.0"
__all__ = ["__version__", "load_results"]


def __getattr__(name: str) -> object:
    """Import pandas only when a table is asked for."""
    if name == "load_results":
        from harness.results import load_results

        return load_results
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
