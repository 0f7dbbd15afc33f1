"""The signals that ask bnrepro to stop."""

from __future__ import annotations

import signal

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR2") if hasattr(signal, name))
"""Ctrl-C, a request to end, and what schedulers send before they take a machine away."""
