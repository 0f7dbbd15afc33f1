"""The start of one invocation: what the command line asks for, turned into a suite that is ready to run."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnrepro.cost import PUBLISHED_SHAPES, DataShape
from bnrepro.data import PreparedData, find_cifar10, prepare
from bnrepro.deadline import Deadline
from bnrepro.device import choose_device, first_gpu
from bnrepro.errors import DataError, NothingSelected, UsageError
from bnrepro.execute.executor import Executor
from bnrepro.execute.placement import ExecutorKind, Placement
from bnrepro.execute.window import ALWAYS_OPEN, Window
from bnrepro.gpu_jobs import Choice, choose_jobs, demands_of
from bnrepro.plan import NOT_AT_HAND, DataFacts, Setting
from bnrepro.processes import available_cores
from bnrepro.question import ARITHMETIC, Question, ask, refuse_unknown
from bnrepro.recipes import RECIPES, recipe_for
from bnrepro.spec.claim import Claim
from bnrepro.spec.load import LoadedClaim, References, check_references, load_claims, load_references
from bnrepro.spec.recipe import DatasetName, Precision
from bnrepro.spec.run import DeviceKind, RunSpec, check_precision
from bnrepro.spec.scale import Scale
from bnrepro.stages import Stage, look_by_look, until
from bnrepro.store import Store
from bnrepro.suite import Suite
from bnrepro.train.entry import TRAINER_MODULE, compile_ahead, measure_prepared, train_prepared
from bnrepro.train.share import share_done


@dataclass(frozen=True, kw_only=True)
class Session:
    """A suite with the pool that serves it."""

    suite: Suite
    store: Store
    data: Mapping[DatasetName, PreparedData]
    """The data sets that the claims are trained on and that are here."""
    scale_reason: str
    placement: Placement
    deadline: Deadline | None

    @classmethod
    def begin(cls, arguments: argparse.Namespace, say: Callable[[str], None], *, only_plan: bool = False) -> Session:
        """Load the claims, choose scale and device, prepare the data; ``say`` is told what was chosen.

        With ``only_plan``, data that are not here are counted on as published; else the claims' checks on them are
        not assessed, or nothing can be done at all.

        Raises:
            NothingSelected, SpecError, UsageError, DataError, StoreError: as their names say.
        """
        deadline = None if only_plan or arguments.budget is None else Deadline.after(arguments.budget)
        claims, references = load_suite(asked_claims(arguments))
        device = choose_device(arguments.device)
        scale, scale_reason = choose_scale(arguments.scale, device, arguments.data_root)
        say(f"scale {scale}: {scale_reason}")
        if only_plan and scale is Scale.PAPER and arguments.device == "auto" and device is DeviceKind.CPU:
            device = DeviceKind.CUDA
            say("planned for one GPU, which this scale is for; none is used here")
        needed = _data_sets([loaded.claim for loaded in claims], scale)
        data, absent = _prepare(needed, arguments, say, only_plan=only_plan)
        precision = Precision(arguments.precision)
        check_precision(precision, device)
        questions = [
            ask(
                loaded,
                scale,
                networks=arguments.networks,
                seeds=arguments.seeds,
                precision=precision,
                substitute_data=_substitutes(loaded.claim, scale, data),
                absent_data={} if only_plan else absent,
            )
            for loaded in claims
        ]
        refuse_unknown(arguments.networks, questions)
        arithmetic = [question.claim.id for question in questions if not question.claim.trains]
        if arithmetic:
            say(f"{', '.join(arithmetic)}: {ARITHMETIC}")
        _tell_deviations(questions, say)
        store = Store(arguments.store, notify=say)
        facts = {name: DataFacts(digest=found.digest, shape=_shape(found)) for name, found in data.items()}
        for name in absent:
            facts[name] = DataFacts(digest=NOT_AT_HAND, shape=PUBLISHED_SHAPES[name])
        shared = _gpu_jobs(arguments, device, questions, precision, {name: each.shape for name, each in facts.items()})
        if shared is not None:
            say(shared.told)
        placement = _placement(arguments, device, jobs=arguments.jobs if shared is None else shared.jobs)
        if placement.told and not only_plan:
            say(placement.told)
        setting = Setting(
            scale=scale,
            device=device,
            data=facts,
            precision=precision,
            checkpoint_seconds=arguments.checkpoint_seconds,
            processes=arguments.processes,
            decoders=placement.decoders,
        )
        suite = Suite(questions, references, setting=setting, store=store)
        if not only_plan:
            suite.declare()
        return cls(
            suite=suite,
            store=store,
            data=data,
            scale_reason=scale_reason,
            placement=placement,
            deadline=deadline,
        )

    def stages(self) -> Iterator[Stage]:
        """What to train, one stage after the other; in the end every claim is judged."""
        if self.deadline is None:
            return look_by_look(self.suite, self._share_done)
        return until(self.deadline, self.suite, self._share_done, jobs=self.jobs)

    @property
    def jobs(self) -> int:
        """Runs at once, as far as it is known."""
        return self.placement.jobs

    def get_ready(self) -> None:
        """Begin, beside everything else, what the first run on this machine's CPU would have to wait for."""
        if self.suite.setting.device is DeviceKind.CPU and self.placement.kind is ExecutorKind.LOCAL:
            threading.Thread(target=compile_ahead, daemon=True).start()

    def pool(self, window: Window = ALWAYS_OPEN) -> Executor:
        """Whoever trains and measures for this session."""
        folders = {name: found.directory for name, found in self.data.items()}
        return self.placement.executor(
            self.store, train_prepared, measure_prepared, data=folders, preload=[TRAINER_MODULE], window=window
        )

    def _share_done(self, spec: RunSpec, checkpoint: bytes) -> float:
        train_images = self.suite.setting.data[spec.recipe.dataset].shape.train_images
        return share_done(checkpoint, spec.recipe, train_images)


def _gpu_jobs(
    arguments: argparse.Namespace,
    device: DeviceKind,
    questions: Sequence[Question],
    precision: Precision,
    shapes: Mapping[DatasetName, DataShape],
) -> Choice | None:
    """How many runs share this machine's GPU, where there is one and nobody says."""
    open_to_us = arguments.jobs is None and arguments.executor == ExecutorKind.LOCAL and arguments.processes == 1
    gpu = first_gpu() if open_to_us and device is DeviceKind.CUDA else None
    if gpu is None:
        return None
    runs = (
        (network, arm, recipe_for(network, question.scale).model_copy(update={"precision": precision}))
        for question in questions
        if question.claim.trains
        for network, arm in question.cells
    )
    return choose_jobs(gpu, demands_of(runs, shapes, gpu), cores=available_cores())


def _placement(arguments: argparse.Namespace, device: DeviceKind, *, jobs: int | None) -> Placement:
    return Placement(
        kind=ExecutorKind(arguments.executor),
        device=device,
        asked_jobs=jobs,
        ray_address=arguments.ray_address,
        gpus_per_run=arguments.gpus_per_run,
        cpus_per_run=arguments.cpus_per_run,
        slurm=dict(arguments.slurm),
    )


def _data_sets(claims: Sequence[Claim], scale: Scale) -> tuple[DatasetName, ...]:
    """The data sets that some claims are trained on at a scale, each once."""
    networks = (
        network
        for claim in claims
        if claim.trains
        for group in claim.networks
        for network in claim.networks_at(group, scale)
    )
    recipes = (RECIPES.get((network.family, scale)) for network in networks)
    return tuple(dict.fromkeys(recipe.dataset for recipe in recipes if recipe is not None))


def _prepare(
    needed: Sequence[DatasetName], arguments: argparse.Namespace, say: Callable[[str], None], *, only_plan: bool
) -> tuple[dict[DatasetName, PreparedData], dict[DatasetName, str]]:
    """The data sets that are here, and for the others why not.

    A data set that the user named and that is damaged stops everything; so does having none of those needed.
    """
    data: dict[DatasetName, PreparedData] = {}
    absent: dict[DatasetName, str] = {}
    for name in needed:
        root = {DatasetName.CIFAR10: arguments.data_root, DatasetName.IMAGENET: arguments.imagenet_root}.get(name)
        try:
            found = prepare(
                name,
                data_root=arguments.data_root,
                imagenet_root=arguments.imagenet_root,
                cache=arguments.store / "data",
            )
        except DataError as error:
            if root is not None or name is DatasetName.DIGITS or (len(needed) == 1 and not only_plan):
                raise
            absent[name] = str(error)
            continue
        data[name] = found
        for text in found.notes:
            say(f"note: {text}")
        say(f"data {found.name}: {found.train_images:,} training and {found.test_images:,} test images")
    if needed and not data and not only_plan:
        raise DataError("; ".join(absent.values()))
    for name, why in absent.items():
        counted = "; planned for as published, and nothing of it can be found in the store" if only_plan else ""
        say(f"note: {name} is not here{counted}: {why}")
    return data, absent


def _shape(data: PreparedData) -> DataShape:
    return DataShape(
        train_images=data.train_images,
        test_images=data.test_images,
        side=data.side,
        channels=data.channels,
        classes=data.classes,
    )


def _substitutes(claim: Claim, scale: Scale, data: Mapping[DatasetName, PreparedData]) -> tuple[str, ...]:
    """The data sets of a claim that are not the published ones, by what they are."""
    return tuple(data[name].name for name in _data_sets([claim], scale) if name in data and not data[name].published)


def _tell_deviations(questions: Sequence[Question], say: Callable[[str], None]) -> None:
    """Say each deviation once, with the claims that it concerns."""
    claims: dict[str, list[str]] = {}
    for question in questions:
        for deviation in question.deviations:
            claims.setdefault(deviation, []).append(question.claim.id)
    for deviation, ids in claims.items():
        say(f"{', '.join(ids)}: not as declared: {deviation}")


def asked_claims(arguments: argparse.Namespace) -> list[Path]:
    """The files and folders that the command line names, or all claims where it says so.

    Raises:
        UsageError: it says neither.
    """
    if not arguments.claims and not arguments.all:
        raise UsageError("name at least one claim, such as claims/sec4_random_params.yaml, or say --all")
    return arguments.claims or [Path("claims")]


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
