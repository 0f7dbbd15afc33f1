"""Random numbers from a seed: one independent stream for each thing drawn.

A stream is fixed by (seed, purpose, name), through a counter-based generator (Philox, Salmon et al.
2011) on the CPU. So a seed means the same network and the same batches on every device, whatever was
drawn before: a run that resumes in epoch 7 draws epoch 7 afresh and has no generator state to restore.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

import numpy as np


class Purpose(StrEnum):
    """The three generators of a seed. Arms with the same seed share all three."""

    INITIALISATION = "initialisation"
    ORDER = "order"
    AUGMENTATION = "augmentation"


def generator(seed: int, purpose: Purpose, name: str | int) -> np.random.Generator:
    """A fresh generator for one tensor (by name) or one epoch (by number)."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{name}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
