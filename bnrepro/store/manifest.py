"""The manifest of a finished run: written last, with the checksums of the other files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bnrepro.files import sha256_of
from bnrepro.spec.value import canonical_json
from bnrepro.store.sealed import DamagedError, read

FORMAT = 1
MANIFEST = "manifest.json"
RECORD = "record.json"
LEARNED = "learned.safetensors"
FILES = (RECORD, LEARNED)
"""What a manifest lists."""


def manifest_of(key: str, files: Mapping[str, bytes]) -> bytes:
    """The manifest of a run with these files, by name."""
    sums = {name: sha256_of(content) for name, content in files.items()}
    return canonical_json({"format": FORMAT, "key": key, "files": sums}).encode()


def verified_files(folder: Path, names: Sequence[str] = FILES) -> dict[str, bytes] | None:
    """Files of the run in a folder that is named by its key, by name; ``None`` where it is not done.

    Raises:
        DamagedError: the manifest or one of these files is not what was written.
    """
    content = read(folder / MANIFEST)
    if content is None:
        return None
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise DamagedError(f"{MANIFEST} is not JSON") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or manifest.get("key") != folder.name:
        raise DamagedError(f"{MANIFEST} is not the manifest of this run")
    sums = manifest.get("files")
    if not isinstance(sums, dict) or set(sums) != set(FILES):
        raise DamagedError(f"{MANIFEST} does not list the files of a run")
    files = {}
    for name in names:
        found = read(folder / name)
        if found is None:
            raise DamagedError(f"{name} is missing")
        if sha256_of(found) != sums[name]:
            raise DamagedError(f"{name} does not match its checksum")
        files[name] = found
    return files
