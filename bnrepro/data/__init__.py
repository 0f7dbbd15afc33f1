"""Data sets as prepared, digested arrays; needs no torch, so that plan, doctor and a warm verify start fast.

    source (digits, torchvision's folder, class folders) → ImageSet in canonical order → prepared arrays on disk

    <cache>/<digest>/{train,test}_{images,labels}.npy
    <cache>/<digest>/prepared.json         sizes and checksums of the arrays, written last
    <cache>/sources/<fingerprint>.json     which digest a folder of the user was found to hold
    <cache>/folders/<fingerprint>/         an image folder's files with their hashes, and prepared.json
    <cache>/set-aside/                     what failed its checksum

One digest stands for one set of pixels and labels, whatever form they came in; for an image folder, which is too
large to decode beforehand, for one set of encoded files and labels.
"""

from bnrepro.data.fetch import fetch_cifar10
from bnrepro.data.folder_images import FolderImages, FolderSplit
from bnrepro.data.images import ImageSet
from bnrepro.data.inspection import SourceReport, describe
from bnrepro.data.preparation import load, prepare
from bnrepro.data.prepared import PreparedData
from bnrepro.data.sources import find_cifar10

__all__ = [
    "FolderImages",
    "FolderSplit",
    "ImageSet",
    "PreparedData",
    "SourceReport",
    "describe",
    "fetch_cifar10",
    "find_cifar10",
    "load",
    "prepare",
]
