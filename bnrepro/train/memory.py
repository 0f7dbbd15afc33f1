"""torch's ways of saying that memory ran out, as the one that Python has for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_CPU_ALLOCATOR = "DefaultCPUAllocator: can't allocate memory"
"""The start of what torch says on the CPU, where its error has no class of its own."""


@contextmanager
def memory_errors() -> Iterator[None]:
    """Tell who executes runs, and knows no torch, that one found too little memory.

    Raises:
        MemoryError: in place of torch's own error, with its words.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or _CPU_ALLOCATOR in str(error):
            raise MemoryError(str(error)) from error
        raise
