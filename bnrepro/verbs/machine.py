"""What is here, and arithmetic that needs no claim."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from bnrepro.data import describe, fetch_cifar10
from bnrepro.doctor import Finding, data_finding, findings
from bnrepro.errors import UsageError
from bnrepro.small_resnets import search, summary_rows
from bnrepro.terminal import standard_output
from bnrepro.verbs import EXIT_FAILURE, EXIT_OK


def small_resnets(arguments: argparse.Namespace) -> int:
    """Show Appendix D's grid: small ResNets with as many parameters as a BatchNorm budget."""
    out = standard_output()
    out.table(search(arguments.budget).rows() if arguments.budget is not None else summary_rows())
    return EXIT_OK


def doctor(arguments: argparse.Namespace) -> int:
    """Say what is installed, which devices and data are here, and whether the store is sound."""
    return _show_findings(findings(arguments.store, arguments.data_root, arguments.imagenet_root))


def data_check(arguments: argparse.Namespace) -> int:
    """Read every data source there is, in full, and say what it is."""
    reports = describe(arguments.data_root, arguments.store / "data", imagenet_root=arguments.imagenet_root)
    return _show_findings(map(data_finding, reports))


def data_fetch(arguments: argparse.Namespace) -> int:
    """Download CIFAR-10 through torchvision and check it."""
    if arguments.data_root is None:
        raise UsageError("say where to put it: bnrepro data fetch cifar10 --data-root DIR")
    standard_output().say(f"cifar10: fetched and checked, in {fetch_cifar10(arguments.data_root)}")
    return EXIT_OK


def _show_findings(found: Iterable[Finding]) -> int:
    out, healthy = standard_output(), True
    for finding in found:
        out.paragraphs(f"{'ok ' if finding.sound else 'BAD'}  {finding.subject}: {finding.text}")
        healthy = healthy and finding.sound
    return EXIT_OK if healthy else EXIT_FAILURE
