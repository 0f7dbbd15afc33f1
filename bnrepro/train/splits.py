"""What a run trains and is evaluated on, from either form in which data are prepared."""

from __future__ import annotations

import torch

from bnrepro.data import FolderImages, ImageSet
from bnrepro.train.batches import Images, Split
from bnrepro.train.folder import EncodedSplit


def splits_on(device: torch.device, images: ImageSet | FolderImages, *, decoders: int) -> tuple[Images, Images]:
    """Training and test split for a device; ``decoders`` processes decode an image folder, 0 decodes in this one."""
    if isinstance(images, FolderImages):
        return (
            EncodedSplit.on_device(images.train, device, decoders=decoders),
            EncodedSplit.on_device(images.test, device, decoders=decoders),
        )
    return (
        Split.on_device(images.train_images, images.train_labels, device),
        Split.on_device(images.test_images, images.test_labels, device),
    )
