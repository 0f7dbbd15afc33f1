"""The options of the plugin: those of ``bnrepro verify``, on the command line and in the ini file.

Each has a long name that no other plugin has, such as ``--bnrepro-scale``, and is called the same in the ini file,
``bnrepro_scale``. Some have a short name too; where another plugin or a ``conftest.py`` has taken it, it stays theirs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

INCONCLUSIVE = ("xfail", "skip", "fail", "pass")
"""What an inconclusive check may come to. The first is the default: it was run and is no evidence against the claim;
what it lacks is seeds, and a failure would ask for a repair that there is none of."""


@dataclass(frozen=True, kw_only=True)
class _Option:
    name: str
    """As ``bnrepro verify`` calls it."""
    metavar: str
    help: str
    short: bool = False
    folder: bool = False
    of_verify: bool = True

    @property
    def long_name(self) -> str:
        return f"--bnrepro-{self.name}"

    @property
    def dest(self) -> str:
        """Of the parsed value; also the name in the ini file."""
        return f"bnrepro_{self.name.replace('-', '_')}"


_OPTIONS = (
    _Option(
        name="scale",
        metavar="SCALE",
        help="digits, reduced or paper (default: paper where a CUDA device and CIFAR-10 are, else digits)",
        short=True,
    ),
    _Option(name="device", metavar="KIND", help="cpu or cuda (default: CUDA where a device is, else the CPU)"),
    _Option(name="jobs", metavar="N", help="trainings at once, over all workers (default: cores, or 1 on CUDA)"),
    _Option(name="executor", metavar="WHO", help="who trains: local, ray or slurm (default: local)"),
    _Option(name="ray-address", metavar="ADDR", help="of the Ray cluster (default: $RAY_ADDRESS, or this machine)"),
    _Option(name="gpus-per-run", metavar="G", help="of a run on CUDA, with ray or slurm (default: 1)"),
    _Option(name="cpus-per-run", metavar="N", help="cores of a run, with ray or slurm (default: 1)"),
    _Option(name="slurm", metavar="KEY=VALUE", help="a parameter of every SLURM job, such as partition=gpu"),
    _Option(name="networks", metavar="A,B", help="only these of the claims'"),
    _Option(name="seeds", metavar="N", help="one look at N seeds, not the claims' looks"),
    _Option(
        name="store",
        metavar="DIR",
        help="of finished runs and prepared data (default: $BNREPRO_STORE, or .bnrepro)",
        folder=True,
    ),
    _Option(
        name="reports",
        metavar="DIR",
        help="write each verdict as JSON and its page here (default: nowhere)",
        folder=True,
    ),
    _Option(
        name="data-root",
        metavar="DIR",
        help="where CIFAR-10 is (default: $BNREPRO_DATA_ROOT)",
        short=True,
        folder=True,
    ),
    _Option(
        name="imagenet-root",
        metavar="DIR",
        help="where ImageNet is (default: $BNREPRO_IMAGENET_ROOT)",
        short=True,
        folder=True,
    ),
    _Option(
        name="inconclusive",
        metavar="HOW",
        help=f"what an inconclusive check comes to: {', '.join(INCONCLUSIVE)} (default: {INCONCLUSIVE[0]})",
        short=True,
        of_verify=False,
    ),
)


def add_options(parser: pytest.Parser) -> None:
    """Add the long names, and the names in the ini file."""
    group = parser.getgroup("bnrepro", "claims of the paper (bnrepro)")
    for option in _OPTIONS:
        group.addoption(option.long_name, dest=option.dest, metavar=option.metavar, help=option.help)
        parser.addini(option.dest, f"default of {option.long_name}", default="")


def add_short_options(parser: pytest.Parser) -> None:
    """Add the short names that are free."""
    group = parser.getgroup("bnrepro")
    for option in _OPTIONS:
        name = f"--{option.name}"
        if option.short and _is_free(name, parser):
            group.addoption(name, dest=option.dest, metavar=option.metavar, help=f"same as {option.long_name}")


def _is_free(name: str, parser: pytest.Parser) -> bool:
    """Whether nobody has an option of this name."""
    try:
        _, unknown = parser.parse_known_and_unknown_args([name])
    except pytest.UsageError:  # somebody has, and it wants a value
        return False
    return name in unknown


def check_options(config: pytest.Config) -> None:
    """Refuse values that cannot be; free of charge where none is given.

    Raises:
        pytest.UsageError: names the option and says what it may be.
    """
    if any(_given(config, option) for option in _OPTIONS):
        verify_arguments(config, [])
        how_inconclusive(config)


def how_inconclusive(config: pytest.Config) -> str:
    """One of :data:`INCONCLUSIVE`.

    Raises:
        pytest.UsageError: another word is given.
    """
    option = next(option for option in _OPTIONS if option.name == "inconclusive")
    given = _given(config, option) or INCONCLUSIVE[0]
    if given not in INCONCLUSIVE:
        raise pytest.UsageError(f"{option.long_name}: {given!r} is not one of {', '.join(INCONCLUSIVE)}")
    return given


def verify_arguments(config: pytest.Config, claims: Sequence[Path]) -> argparse.Namespace:
    """What ``bnrepro verify`` would be given for these claims; ``reports`` is ``None`` where none are asked for.

    Raises:
        pytest.UsageError: an option is wrong.
    """
    from bnrepro.arguments import make_parser
    from bnrepro.cli import DATA_VERBS, VERBS

    given = {option: _given(config, option) for option in _OPTIONS if option.of_verify}
    words = [f"--{option.name}={value}" for option, value in given.items() if value is not None]
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            arguments = make_parser(VERBS, DATA_VERBS).parse_args(["verify", *words, "--", *map(str, claims)])
    except SystemExit:
        said = told.getvalue().strip().rpartition("error: argument --")[2]
        raise pytest.UsageError(f"--bnrepro-{said}") from None
    for option in given:
        if option.folder:
            name = option.name.replace("-", "_")
            folder = getattr(arguments, name)
            # A test may change the directory before the first claim is asked.
            setattr(arguments, name, None if folder is None else config.invocation_params.dir / folder)
            if option.name == "reports" and given[option] is None:
                arguments.reports = None
    return arguments


def _given(config: pytest.Config, option: _Option) -> str | None:
    """On the command line, else in the ini file; ``None`` where it is in neither."""
    value: str | None = config.getoption(option.dest)
    if value is not None:
        return value
    value = config.getini(option.dest) or None
    if value is not None and option.folder and config.inipath is not None:
        return str(config.inipath.parent / value)
    return value
