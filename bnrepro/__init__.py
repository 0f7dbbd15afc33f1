"""bnrepro: every claim of "Training BatchNorm and Only BatchNorm" as an executable test."""

__version__ = "0.1.0"
