"""A claim that is small enough to train in a test, made-up runs for it, and bnrepro as a command.

Run as a program it is bnrepro with a shorter recipe for digits:
    python -m tests.small_claim EPOCHS verify …
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bnrepro.cost import DataShape
from bnrepro.data import digits
from bnrepro.identity import run_key
from bnrepro.plan import DataFacts, Setting
from bnrepro.recipes import RECIPES
from bnrepro.spec.arms import Arm
from bnrepro.spec.networks import Family, Network
from bnrepro.spec.recipe import DatasetName, Recipe
from bnrepro.spec.run import DeviceKind, EpochRecord, RunRecord, RunSpec
from bnrepro.spec.scale import Scale
from bnrepro.store import Store

REPOSITORY = Path(__file__).parent.parent
RESNET_8 = Network.parse("resnet-8")

CLAIM = """\
id: {id}
title: {title}
where: Nowhere
rows: [C18]
claim: {claim}
networks:
  all:
    digits: {networks}
not_run: {{paper: It is small., reduced: It is small., digits: It is small.}}
looks: {{seeds: {looks}}}
checks:
  - id: better
    row: C18
    states: {states}
    kind: superiority
    networks: all
    better: {better}
    worse: {worse}
    margin: {margin}
    why: Because.
flags:
  - {flag}
assumed_sd: {{paper: 1, reduced: 1, digits: 1}}
"""

DIGITS = Setting(
    scale=Scale.DIGITS,
    device=DeviceKind.CPU,
    data={
        DatasetName.DIGITS: DataFacts(
            digest=digits.DIGEST,
            shape=DataShape(
                train_images=digits.TRAIN_IMAGES,
                test_images=digits.TEST_IMAGES,
                side=digits.SIDE,
                channels=1,
                classes=digits.CLASSES,
            ),
        )
    },
)
"""What a session on digits and the CPU gives all its runs."""


class World:
    """A folder with claims, a store and reports.

    Usage:
        world = World(tmp_path)
        world.write_claim(looks="[2]")
        world.fill({"batchnorm": [60, 62], "random_2": [30, 31]})
        world.run("verify", world.claims)
    """

    def __init__(self, folder: Path) -> None:
        self.claims = folder / "claims"
        self.references = folder / "reference_numbers"
        self.store = folder / "store"
        self.reports = folder / "reports"
        for made in (self.claims, self.references):
            made.mkdir(parents=True)

    def write_claim(self, **changes: object) -> Path:
        """The small claim: batchnorm beats two random weights by 10 points on ResNet-8, decided by two seeds."""
        fields: dict[str, object] = {
            "id": "small",
            "title": "A small claim",
            "claim": "Something.",
            "networks": "[resnet-8]",
            "looks": "[2]",
            "states": "It holds.",
            "better": "batchnorm",
            "worse": "random_2",
            "margin": 10,
            "flag": "Nothing is flagged.",
        } | changes
        path = self.claims / f"{fields['id']}.yaml"
        path.write_text(CLAIM.format(**fields))
        return path

    def fill(self, accuracies: Mapping[str, Sequence[float]], *, epochs: int | None = None) -> None:
        """Put made-up runs of the arms on ResNet-8 into the store, seeds from 0."""
        store = Store(self.store)
        for arm, values in accuracies.items():
            for seed, accuracy in enumerate(values):
                spec = a_run(seed, arm)
                if epochs is not None:
                    spec = spec.model_copy(update={"recipe": shortened(spec.recipe, epochs)})
                store.save(made_up(spec, accuracy), TENSORS)

    def folders(self) -> list[str]:
        """The options that keep a command within this world."""
        return ["--store", str(self.store), "--reports", str(self.reports)]

    def verify(self, *more: object, epochs: int | None = None) -> subprocess.CompletedProcess[str]:
        """``bnrepro verify`` on all claims here, in a process of its own."""
        return subprocess.run(
            self.command("verify", *more, epochs=epochs), capture_output=True, text=True, timeout=300, check=False,
            cwd=REPOSITORY, env=environment(),
        )  # fmt: skip

    def command(self, verb: str, *more: object, epochs: int | None = None) -> list[str]:
        """The command line of a verb on all claims here, with a recipe of so many epochs if any are given."""
        program = ["bnrepro"] if epochs is None else ["tests.small_claim", str(epochs)]
        scale = ["--scale", "digits", "--device", "cpu"]
        return [sys.executable, "-m", *program, verb, str(self.claims), *scale, *self.folders(), *map(str, more)]

    def learned(self) -> dict[str, bytes]:
        """The file of learned tensors of every finished run."""
        manifests = self.store.glob("runs/*/*/manifest.json")
        return {path.parent.name: (path.parent / "learned.safetensors").read_bytes() for path in manifests}


TENSORS = {"stem.norm.weight": np.arange(4, dtype=np.float32)}


def made_up(spec: RunSpec, accuracy: float, **changes: Any) -> RunRecord:
    """A finished run that nobody trained."""
    epoch = EpochRecord(
        epoch=1, lr=0.1, train_loss=1.0, train_accuracy=50.0, test_loss=1.0, test_accuracy=accuracy, seconds=1.0
    )
    fields: dict[str, Any] = {
        "key": run_key(spec),
        "spec": spec,
        "status": "completed",
        "divergence": None,
        "test_accuracy": float(accuracy),
        "test_loss": 1.0,
        "curve": (epoch,),
        "trainable_parameters": 4,
        "total_parameters": 100,
        "initial_digest": "0" * 64,
        "wall_seconds": 1.0,
        "images_per_second": 1000.0,
        "resumed": 0,
        "environment": {"device": "made up"},
    }
    return RunRecord(**(fields | changes))


def a_run(seed: int = 0, arm: str = "batchnorm") -> RunSpec:
    """A run of the small claim."""
    return DIGITS.spec(RESNET_8, Arm.parse(arm), seed)


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """The recipe with fewer epochs."""
    return recipe.model_copy(update={"epochs": epochs, "milestones": (epochs // 2,)})


def environment() -> dict[str, str]:
    """For a process that runs bnrepro from this checkout, nothing taken from the user's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BNREPRO_")}
    return kept | {"PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1"}


def call(*arguments: object) -> int:
    """``bnrepro`` in this process; its exit code. Signal handlers are as before afterwards."""
    from bnrepro.cli import main

    names = (signal.SIGTERM, signal.SIGUSR2)
    before = {name: signal.getsignal(name) for name in names}
    try:
        return main(list(map(str, arguments)))
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _main() -> int:
    from bnrepro.cli import main

    epochs = int(sys.argv[1])
    RECIPES[Family.CIFAR, Scale.DIGITS] = shortened(RECIPES[Family.CIFAR, Scale.DIGITS], epochs)
    return main(sys.argv[2:])


if __name__ == "__main__":
    raise SystemExit(_main())
