"""The grammar of the command line: verbs, options and their forms."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import bnrepro
from bnrepro.deadline import duration_seconds
from bnrepro.errors import UsageError, printable
from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Network
from bnrepro.spec.recipe import Precision

Verb = Callable[[argparse.Namespace], int]
"""What a verb does; returns the exit code."""


def make_parser(verbs: Mapping[str, Verb], data_verbs: Mapping[str, Verb]) -> argparse.ArgumentParser:
    """The parser of the whole command line; a verb's help is the first line of its docstring.

    ``verbs`` needs every verb that is given options below; ``data_verbs`` needs check and fetch.
    """
    parser = argparse.ArgumentParser(
        prog="bnrepro", description='Test the claims of "Training BatchNorm and Only BatchNorm" by training.'
    )
    parser.add_argument("--version", action="version", version=f"bnrepro {bnrepro.__version__}")
    named = parser.add_subparsers(required=True, metavar="VERB")
    made = {name: _add_verb(named, name, verb) for name, verb in verbs.items()}
    for name in ("verify", "plan"):
        _add_claims(made[name], default=name == "plan")
        made[name].add_argument("--all", action="store_true", help="every claim in claims/")
        _add_run_options(made[name])
    made["verify"].add_argument(
        "--budget",
        type=_duration,
        metavar="TIME",
        help="begin nothing new after so long, such as 6h or 1h30m, and keep checkpoints of what is under way",
    )
    made["verify"].add_argument("--json", action="store_true", help="verdicts as JSON lines on standard output")
    for option, what in (
        ("junit", "verdicts as JUnit XML, for a CI server"),
        ("summary", "verdicts as Markdown, for the summary of a CI job"),
        ("badge", "the verdicts in one SVG badge"),
    ):
        made["verify"].add_argument(f"--{option}", type=Path, metavar="FILE", help=f"also write {what}")
    for name in ("list", "validate"):
        _add_claims(made[name], default=True)
    _add_folders(made["list"], "reports")
    made["validate"].add_argument(
        "--against-store", action="store_true", help="also list what claims changed after runs of theirs existed"
    )
    _add_folders(made["validate"], "store")
    _add_folders(made["report"], "reports")
    made["diff"].add_argument("before", nargs="?", metavar="A", help="number or id of a verify (default: B's baseline)")
    made["diff"].add_argument("after", nargs="?", metavar="B", help="of a later one (default: the last)")
    made["diff"].add_argument("--new-failures", action="store_true", help="tell those alone")
    _add_folders(made["diff"], "reports")
    made["export"].add_argument("form", choices=["csv", "parquet"])
    made["export"].add_argument("file", type=Path, metavar="FILE")
    _add_folders(made["export"], "store")
    _add_bench_options(made["bench"])
    made["small-resnets"].add_argument(
        "--budget", type=_positive, metavar="N", help="the whole grid for one number of parameters"
    )
    _add_folders(made["doctor"], "store", "data")
    actions = named.add_parser("data", help="Say what data are here, or get CIFAR-10.").add_subparsers(
        required=True, metavar="ACTION"
    )
    for name, verb in data_verbs.items():
        _add_folders(_add_verb(actions, name, verb), "store", "data")
    actions.choices["fetch"].add_argument("dataset", choices=["cifar10"])
    return parser


def _add_verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, verb: Verb
) -> argparse.ArgumentParser:
    text = (verb.__doc__ or "").split("\n")[0]
    parser = verbs.add_parser(name, help=text, description=text)
    parser.set_defaults(verb=verb)
    return parser


def _add_claims(parser: argparse.ArgumentParser, *, default: bool) -> None:
    shown = "files or folders" + (" (default: claims)" if default else "")
    parser.add_argument("claims", type=Path, nargs="*", metavar="CLAIM", help=shown)
    parser.set_defaults(all=default)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scale",
        choices=["auto", "digits", "reduced", "paper"],
        default="auto",
        help="auto: paper where a CUDA device and CIFAR-10 are, else digits",
    )
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: CUDA where a device is, else the CPU"
    )
    parser.add_argument(
        "--jobs",
        type=_positive,
        metavar="N",
        help="runs at once (default: cores; on CUDA as many as would fill the GPU and fit into it; with --executor ray "
        "or slurm as many as the cluster takes)",
    )
    parser.add_argument("--networks", type=_networks, default=(), metavar="A,B", help="only these of the claim's")
    parser.add_argument("--seeds", type=_positive, metavar="N", help="one look at N seeds, not the claim's looks")
    parser.add_argument(
        "--precision",
        choices=list(map(str, Precision)),
        default="float32",
        help="of forward and backward passes; tf32 on CUDA alone; another one is another run",
    )
    parser.add_argument(
        "--checkpoint-seconds", type=_seconds, default=60.0, metavar="S", help="between checkpoints (default: 60)"
    )
    parser.add_argument(
        "--processes",
        type=_positive,
        default=1,
        metavar="N",
        help="of one run, such as GPUs, where its recipe cuts batches into parts: ImageNet's (default: 1)",
    )
    _add_executor_options(parser)
    _add_folders(parser, "store", "data", "reports")


def _add_executor_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--executor",
        choices=["local", "ray", "slurm"],
        default="local",
        help="who trains: processes of this machine (default), a Ray cluster, or SLURM; see docs/executors.md",
    )
    parser.add_argument(
        "--ray-address",
        default=os.environ.get("RAY_ADDRESS") or None,
        metavar="ADDR",
        help="of the Ray cluster (default: $RAY_ADDRESS, or one of this machine alone)",
    )
    parser.add_argument(
        "--gpus-per-run",
        type=_share,
        metavar="G",
        help="of a run on CUDA, with ray or slurm; with ray also a part of one, such as 0.25 (default: 1)",
    )
    parser.add_argument(
        "--cpus-per-run", type=_positive, metavar="N", help="cores of a run, with ray or slurm (default: 1)"
    )
    parser.add_argument(
        "--slurm",
        type=_assignment,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a parameter of every SLURM job, such as partition=gpu or time=8:00:00; may be given several times",
    )


def _add_bench_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--network", type=_network, default="resnet-14", metavar="NAME", help="default: resnet-14")
    parser.add_argument("--arm", type=_arm, default="batchnorm", metavar="ARM", help="default: batchnorm")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: CUDA where a device is, else the CPU"
    )
    parser.add_argument(
        "--precision",
        choices=["auto", *map(str, Precision)],
        default="auto",
        help="of ours and the floor; the plain loop has float32 always. auto: bfloat16, the faster one, on CUDA and "
        "where the CPU has instructions for it, else float32",
    )
    parser.add_argument("--jobs", type=_positive, metavar="N", help="runs that fill it (default: cores, or 1 on CUDA)")
    parser.add_argument("--rounds", type=_positive, default=5, metavar="N", help="default: 5")
    window = parser.add_mutually_exclusive_group()
    window.add_argument("--seconds", type=_seconds, metavar="S", help="for each rate in each round (default: 3)")
    window.add_argument("--steps", type=_positive, metavar="N", help="for each rate in each round, not a time")
    parser.add_argument(
        "--data-root", type=Path, metavar="DIR", help="take CIFAR-10's images from here (default: noise, as fast)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def _add_folders(parser: argparse.ArgumentParser, *folders: str) -> None:
    if "store" in folders:
        parser.add_argument(
            "--store",
            type=Path,
            default=_folder("BNREPRO_STORE", ".bnrepro"),
            metavar="DIR",
            help="of finished runs and prepared data (default: $BNREPRO_STORE, or .bnrepro)",
        )
    if "data" in folders:
        parser.add_argument(
            "--data-root",
            type=Path,
            default=_folder("BNREPRO_DATA_ROOT", None),
            metavar="DIR",
            help="where CIFAR-10 is (default: $BNREPRO_DATA_ROOT)",
        )
        parser.add_argument(
            "--imagenet-root",
            type=Path,
            default=_folder("BNREPRO_IMAGENET_ROOT", None),
            metavar="DIR",
            help="where ImageNet is, as train/<class>/ and val/<class>/ (default: $BNREPRO_IMAGENET_ROOT)",
        )
    if "reports" in folders:
        parser.add_argument("--reports", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")


def _folder(variable: str, default: str | None) -> Path | None:
    named = os.environ.get(variable) or default
    return Path(named) if named else None


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is not a whole number from 1 up")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is not a number of seconds from 0 up")
    return seconds


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share < math.inf:
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is not a number above 0")
    return share


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"'{printable(text)}' is not KEY=VALUE, such as partition=gpu")
    return name.replace("-", "_"), value


def _duration(text: str) -> float:
    try:
        return duration_seconds(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _network(text: str) -> Network:
    try:
        return Network.parse(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(printable(str(error))) from error


def _arm(text: str) -> Arm:
    try:
        return Arm.parse(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(printable(str(error))) from error


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(Network.parse(name.strip()) for name in text.split(","))
    except UsageError as error:
        raise argparse.ArgumentTypeError(printable(str(error))) from error
