"""scikit-learn's 8x8 handwritten digits: the data set that comes with the package."""

from __future__ import annotations

import numpy as np

from bnrepro.data.images import ImageSet
from bnrepro.errors import DataError

DIGEST = "c4906d041c8f84369368bcd8a310d4deee1bbc9c328f3e99a4274f1a50b10cf4"
"""Of :func:`read_digits`. Pinned, so that a run's identity is known without importing scikit-learn."""

TRAIN_IMAGES = 1201
TEST_IMAGES = 596
SIDE = 8
CLASSES = 10

_INK_LEVELS = 16  # each pixel counts the inked points of a 4x4 block (Alpaydin and Kaynak, 1998)


def read_digits() -> ImageSet:
    """The 1,797 digits as (N, 1, 8, 8) images scaled from 0..16 to 0..255, split 1,201 to 596.

    Within each class, in the order of the file, every third image is for testing: the split has no seed to vary.

    Raises:
        DataError: the installed scikit-learn carries other digits than :data:`DIGEST` names.
    """
    from sklearn.datasets import load_digits

    ink, labels = load_digits(return_X_y=True)
    pixels = np.rint(ink * (255 / _INK_LEVELS)).astype(np.uint8).reshape(-1, 1, SIDE, SIDE)
    labels = labels.astype(np.int64)
    is_test = np.zeros(len(labels), dtype=bool)
    for label in range(CLASSES):
        is_test[np.flatnonzero(labels == label)[2::3]] = True
    digits = ImageSet.in_canonical_order(
        name="digits",
        train=(pixels[~is_test], labels[~is_test]),
        test=(pixels[is_test], labels[is_test]),
    )
    if digits.digest != DIGEST:
        raise DataError(
            f"scikit-learn's digits: expected digest {DIGEST}, found {digits.digest}; "
            "reinstall scikit-learn, whose load_digits has not changed since bnrepro pinned it"
        )
    return digits
