"""Finished runs on disk: RunKey to record and learned tensors, atomic, locked and checked.

    <root>/store.json                      the format of this store
    <root>/runs/<k>/<key>/record.json      what the training told
    <root>/runs/<k>/<key>/learned.safetensors
    <root>/runs/<k>/<key>/manifest.json    written last: a run is done when it is there
    <root>/runs/<k>/<key>/checkpoint       of a run under way
    <root>/runs/<k>/<key>/<probe>-v<version>.measured
    <root>/declared/<claim>/<sequence>-<SHA-256>.declared      the texts under which a claim was asked
    <root>/locks/<key>.lock                held by the process that trains it
    <root>/set-aside/                      what failed its checksum

The files are the truth; there is no index to fall out of step with them.
"""

from bnrepro.store.checkpoint import CheckpointSlot
from bnrepro.store.store import Store, Tensors

__all__ = ["CheckpointSlot", "Store", "Tensors"]
