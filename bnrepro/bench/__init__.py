"""Speeds measured side by side: who takes part, round by round, and what the rates come to (no torch)."""
