"""The catalogue of the paper's 80 testable claims: one row each, a letter for its subject and a number.

A parameters by arithmetic, B affine parameters when all is trained, C BatchNorm alone, D values of γ, E what small γ
and idle units do, F VGG, G small networks, H initialisation, I random parameters, J shortcuts.
"""

from __future__ import annotations

_ROWS_OF = {"A": 10, "B": 5, "C": 25, "D": 9, "E": 6, "F": 7, "G": 2, "H": 6, "I": 5, "J": 5}

ROWS = tuple(f"{letter}{number:02}" for letter, count in _ROWS_OF.items() for number in range(1, count + 1))
"""Every row, in order."""
