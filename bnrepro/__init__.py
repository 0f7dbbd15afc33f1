"""bnrepro: every claim of "Training BatchNorm and Only BatchNorm" as an executable test.

Usage:
    import bnrepro
    bnrepro.load_results(".bnrepro")     # every stored run, a pandas frame
    bnrepro.load_verdicts("reports")     # every check of every verdict

PYTEST_DONT_REWRITE: its pytest plugin is loaded after whoever imported this package first, and has no assertion.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnrepro.exports import load_results, load_verdicts

__version__ = "0.1.0"
__all__ = ["__version__", "load_results", "load_verdicts"]


def __getattr__(name: str) -> Any:
    """Import the two tables when one of them is asked for: the command line starts without them."""
    if name in {"load_results", "load_verdicts"}:
        return getattr(import_module("bnrepro.exports"), name)
    raise AttributeError(f"module 'bnrepro' has no attribute '{name}'")
