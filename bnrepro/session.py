"""The start of one invocation: what the command line asks for, turned into a suite that is ready to run."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnrepro.cost import DataShape
from bnrepro.data import PreparedData, find_cifar10, prepare
from bnrepro.device import choose_device
from bnrepro.errors import DataError, NothingSelected, UsageError
from bnrepro.execute.pool import LocalPool, available_cores
from bnrepro.plan import Setting
from bnrepro.recipes import RECIPES
from bnrepro.spec.load import LoadedClaim, References, check_references, load_claims, load_references
from bnrepro.spec.networks import Family
from bnrepro.spec.recipe import Precision
from bnrepro.spec.run import DeviceKind
from bnrepro.spec.scale import Scale
from bnrepro.store import Store
from bnrepro.suite import Suite, ask
from bnrepro.train.entry import TRAINER_MODULE, train_prepared


@dataclass(frozen=True, kw_only=True)
class Session:
    """A suite with the pool that serves it."""

    suite: Suite
    store: Store
    data: PreparedData
    scale_reason: str
    jobs: int

    @classmethod
    def begin(cls, arguments: argparse.Namespace, say: Callable[[str], None]) -> Session:
        """Load the claims, choose scale and device, prepare the data; ``say`` is told what was chosen.

        Raises:
            NothingSelected, SpecError, UsageError, DataError, StoreError: as their names say.
        """
        claims, references = load_suite(arguments.claims)
        device = choose_device(arguments.device)
        scale, scale_reason = choose_scale(arguments.scale, device, arguments.data_root)
        say(f"scale {scale}: {scale_reason}")
        precision = Precision(arguments.precision)
        dataset = RECIPES[Family.CIFAR, scale].dataset
        data = prepare(dataset, data_root=arguments.data_root, cache=arguments.store / "data")
        for text in data.notes:
            say(f"note: {text}")
        say(f"data {data.name}: {data.train_images:,} training and {data.test_images:,} test images")
        questions = [
            ask(
                loaded,
                scale,
                networks=arguments.networks,
                seeds=arguments.seeds,
                precision=precision,
                substitute_data=None if data.published else data.name,
            )
            for loaded in claims
        ]
        for question in questions:
            for deviation in question.deviations:
                say(f"{question.claim.id}: not as declared: {deviation}")
        store = Store(arguments.store, notify=say)
        setting = Setting(
            scale=scale,
            device=device,
            data_digest=data.digest,
            data_shape=DataShape(
                train_images=data.train_images, test_images=data.test_images, side=data.side, channels=data.channels
            ),
            precision=precision,
            checkpoint_seconds=arguments.checkpoint_seconds,
        )
        return cls(
            suite=Suite(questions, references, setting=setting, store=store),
            store=store,
            data=data,
            scale_reason=scale_reason,
            jobs=arguments.jobs or (available_cores() if device is DeviceKind.CPU else 1),
        )

    def pool(self) -> LocalPool:
        """Processes that train for this session."""
        return LocalPool(self.store, train_prepared, data=self.data.directory, jobs=self.jobs, preload=[TRAINER_MODULE])

    def look_name(self, look: int) -> str:
        """A look as a person is told of it."""
        return f"look {look} of {len(self.suite.looks())}"


def load_suite(paths: Sequence[Path]) -> tuple[tuple[LoadedClaim, ...], References]:
    """Claims and the reference numbers that lie beside them, checked against each other.

    Raises:
        SpecError: with every problem of every file.
        NothingSelected: there is no claim file.
        UsageError: the claims belong to different collections.
    """
    claims = load_claims(paths)
    if not claims:
        raise NothingSelected(f"no claim file in {', '.join(map(str, paths))}")
    folders = {loaded.path.resolve().parent.parent / "reference_numbers" for loaded in claims}
    if len(folders) > 1:
        raise UsageError(f"these claims lie beside different reference_numbers: {', '.join(map(str, sorted(folders)))}")
    folder = folders.pop()
    if not folder.is_dir():
        raise UsageError(f"no {folder}: reference_numbers/ lies beside the folder of the claims, as in the repository")
    references = load_references(folder)
    check_references(claims, references)
    return claims, references


def choose_scale(asked: str, device: DeviceKind, data_root: Path | None) -> tuple[Scale, str]:
    """The scale and why it was taken: the paper's where a CUDA device and CIFAR-10 are, else digits."""
    if asked != "auto":
        return Scale(asked), "asked for with --scale"
    if device is not DeviceKind.CUDA:
        return Scale.DIGITS, "no CUDA device is used here, and the paper's own scale needs one"
    try:
        source = find_cifar10(data_root)[0]
    except DataError:
        where = "no --data-root was given" if data_root is None else f"CIFAR-10 is not in {data_root}"
        return Scale.DIGITS, f"{where}, and the paper's own scale needs it"
    return Scale.PAPER, f"a CUDA device is here, and CIFAR-10 in {source.path}"
