"""Which layout a store's folder has, as ``store.json`` says."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bnrepro.errors import StoreError
from bnrepro.files import explained, write_atomically
from bnrepro.spec.value import canonical_json
from bnrepro.store.manifest import FORMAT


def check_format(root: Path) -> None:
    """Make a folder a store, or see that it is one that we read and may write.

    Raises:
        StoreError: it has another format, or the operating system refuses.
    """
    path = root / "store.json"
    with explained(root):
        root.mkdir(parents=True, exist_ok=True)
        if not os.access(root, os.W_OK):
            raise PermissionError(13, "no right to write", str(root))
        try:
            found = json.loads(path.read_bytes()).get("format")
        except FileNotFoundError:
            found = None
        except (ValueError, AttributeError):
            found = "unreadable"
    if found is None:
        write_atomically(path, canonical_json({"format": FORMAT}).encode())
    elif found != FORMAT:
        raise StoreError(f"{path}: format {found}, this version of bnrepro reads format {FORMAT}; name another folder")
