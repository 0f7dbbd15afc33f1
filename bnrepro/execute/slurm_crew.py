"""Jobs of SLURM: how they are submitted through submitit, watched and ended."""

from __future__ import annotations

import contextlib
import io
import pickle
import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnrepro.errors import DeviceError, UsageError
from bnrepro.execute.crew import Worker
from bnrepro.execute.messages import Begun, Broken, Message
from bnrepro.execute.perform import Job
from bnrepro.execute.remote import Order, Outcome, last_line, name_of
from bnrepro.execute.slurm_job import SlurmJob
from bnrepro.execute.slurm_parameters import parameters_of
from bnrepro.execute.slurm_queue import Queue, Standing
from bnrepro.spec.run import DeviceKind, RunSpec
from bnrepro.spec.trainer import Prober, Trainer

if TYPE_CHECKING:
    from submitit import Job as SubmittedJob
    from submitit import SlurmExecutor

QUEUE_SECONDS = 10.0
"""How often the queue is looked at; results are looked for more often, since that costs SLURM nothing."""

ASKED_SECONDS = 1.0
"""The same, once all jobs have been asked to end."""

LOST_SECONDS = 20.0
"""A job that has ended is lost if its outcome is not seen for so long: files of other machines come late."""

ARRAY_LENGTH = 500
"""The most jobs submitted at a time; SLURM's own bound (``MaxArraySize``) is 1,001 unless it is set."""

TIMEOUTS = 1000
"""How often a job may be requeued at its time limit; each time it has come further."""

_MANY = sys.maxsize


@dataclass(kw_only=True, eq=False)
class SlurmWorker:
    """A job that is queued or running."""

    job: SubmittedJob[str]
    begun: bool = False
    over: bool = False
    lost_how: str = ""
    broke: bool = False
    ended_since: float | None = None
    """Since when SLURM says that it has ended, in seconds of the monotonic clock."""

    @property
    def number(self) -> str:
        """SLURM's name for it, such as 17 or 17_3."""
        return self.job.job_id

    def close(self) -> None:
        """Remove what submitit wrote for it; of a job that failed, the logs stay."""
        paths = self.job.paths
        paths.submitted_pickle.unlink(missing_ok=True)
        paths.result_pickle.unlink(missing_ok=True)
        if not (self.broke or self.lost_how):
            for log in (paths.stdout, paths.stderr):
                log.unlink(missing_ok=True)


class SlurmCrew:
    """Jobs of SLURM under one name; what submitit writes lies in a folder of the store."""

    elsewhere = True

    def __init__(
        self,
        trainer: Trainer,
        prober: Prober | None,
        store_root: Path,
        *,
        jobs: int | None,
        gpus: int,
        cpus: int,
        parameters: Mapping[str, str],
    ) -> None:
        self._trainer = name_of(trainer)
        self._prober = None if prober is None else name_of(prober)
        self._store_root = store_root.resolve()
        self._jobs = jobs or _MANY
        self._gpus, self._cpus = gpus, cpus
        self._parameters = dict(parameters)
        name = f"bnrepro-{uuid.uuid4().hex[:8]}"
        self._folder = self._store_root / "slurm" / name
        self._queue = Queue(name)
        self._name = name
        self._executor = _executor(self._folder)
        self._parameters_of(processes=1, device=DeviceKind.CPU)  # refuses at once what cannot be
        self._looked = 0.0
        self._asked = False
        """All have been asked to end."""

    def room(self, busy: int, spec: RunSpec) -> int:  # noqa: ARG002 - SLURM decides which run begins where
        """Up to the number of jobs; without one SLURM's queue takes all."""
        return self._jobs - busy

    def start(self, jobs: Sequence[Job]) -> Iterator[SlurmWorker]:
        """One job each, submitted in arrays of those that ask for the same."""
        for (processes, device), alike in groupby(jobs, key=lambda job: (job.spec.processes, job.spec.device)):
            parameters = self._parameters_of(processes=processes, device=device)
            waiting = list(alike)
            for first in range(0, len(waiting), ARRAY_LENGTH):
                orders = [self._order(job) for job in waiting[first : first + ARRAY_LENGTH]]
                try:
                    yield from (SlurmWorker(job=job) for job in _submitted(self._executor, orders, parameters))
                except BaseException:
                    self._queue.cancel_all()  # those whose numbers have not reached who asked for them
                    raise

    def news(self, workers: Sequence[Worker], seconds: float) -> Iterator[tuple[Worker, Message]]:
        """What became of the jobs that have ended, by their outcomes and by SLURM's queue."""
        ours = [worker for worker in workers if isinstance(worker, SlurmWorker) and not worker.over]
        with contextlib.suppress(OSError):  # makes a network file system look again what is in the folder
            self._folder.chmod(self._folder.stat().st_mode)
        found = False
        for worker in ours:
            if worker.job.paths.result_pickle.exists():
                found = worker.over = True
                for message in _said(worker):
                    yield worker, message
        if not found:
            yield from self._look([worker for worker in ours if not worker.over])
            time.sleep(seconds)

    def ask(self, workers: Sequence[Worker]) -> None:
        """Withdraw jobs that wait, and send SIGINT to those at work."""
        self._queue.stop([worker.number for worker in workers if isinstance(worker, SlurmWorker)])
        self._asked = True

    def insist(self, workers: Sequence[Worker]) -> None:
        """By SIGKILL."""
        self._queue.kill([worker.number for worker in workers if isinstance(worker, SlurmWorker)])

    def dismiss(self) -> None:
        """Leave no folder in which there is neither a log nor an order that may still be carried out."""
        needed = (path for kind in ("*_log.*", "*_submitted.pkl") for path in self._folder.glob(kind))
        if self._folder.is_dir() and not any(needed):
            shutil.rmtree(self._folder, ignore_errors=True)

    def _look(self, workers: Sequence[SlurmWorker]) -> Iterator[tuple[Worker, Message]]:
        now = time.monotonic()
        if now - self._looked < (ASKED_SECONDS if self._asked else QUEUE_SECONDS) or not workers:
            return
        self._looked = now
        standings = self._queue.look()
        if standings is None:
            return
        if self._asked:  # again, since a job that was just about to begin has not heard it
            self.ask([worker for worker in workers if not _is_over(standings.get(worker.number))])
        for worker in workers:
            standing = standings.get(worker.number)
            if standing is not None and standing.begun and not worker.begun:
                worker.begun = True
                yield worker, Begun()
            if not _is_over(standing):
                worker.ended_since = None
                continue
            worker.ended_since = worker.ended_since or now
            if self._asked:  # it says nothing, and what it has finished all the same is in the store
                worker.over = True
            elif now - worker.ended_since >= LOST_SECONDS:
                how = "is not known to SLURM any more" if standing is None else f"ended as {standing.state}"
                worker.over = True
                worker.lost_how = f"its SLURM job {worker.number} {how}"

    def _order(self, job: Job) -> SlurmJob:
        order = Order(
            job=job.model_copy(update={"data": job.data.resolve()}),
            store=self._store_root,
            trainer=self._trainer,
            prober=self._prober,
        )
        return SlurmJob(order.model_dump_json())

    def _parameters_of(self, *, processes: int, device: DeviceKind) -> dict[str, Any]:
        gpus = self._gpus * processes if device is DeviceKind.CUDA else 0
        known = self._executor._valid_parameters()
        found = parameters_of(self._parameters, known, cpus=self._cpus * processes, gpus=gpus)
        return found | {"job_name": self._name, "array_parallelism": min(self._jobs, ARRAY_LENGTH)}


def _is_over(standing: Standing | None) -> bool:
    """Whether a job will not run any more; SLURM forgets such jobs after some minutes."""
    return standing is None or standing.over


def _executor(folder: Path) -> SlurmExecutor:
    try:
        from submitit import SlurmExecutor
    except ImportError as error:
        raise UsageError("--executor slurm needs submitit: pip install 'bnrepro[slurm]'") from error
    missing = [command for command in ("sbatch", "srun", "squeue", "scancel", "scontrol") if not shutil.which(command)]
    if missing:
        raise UsageError(
            f"--executor slurm needs SLURM's commands on this machine, and {', '.join(missing)} cannot be found; start "
            "bnrepro where jobs are submitted, such as a login node"
        )
    return SlurmExecutor(folder, max_num_timeout=TIMEOUTS)


def _submitted(
    executor: SlurmExecutor, orders: Sequence[SlurmJob], parameters: Mapping[str, Any]
) -> list[SubmittedJob[str]]:
    """The jobs, in the order of the orders.

    Raises:
        DeviceError: SLURM refused them.
    """
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    executor.parameters = {}
    executor.update_parameters(**parameters)
    try:
        # submitit repeats on standard error what sbatch says; it is in the error too.
        with contextlib.redirect_stderr(io.StringIO()), executor.batch():
            return [executor.submit(order) for order in orders]
    except (FailedJobError, FailedSubmissionError) as error:
        raise DeviceError(f"SLURM refused a job: {_told_by_sbatch(str(error))}") from error


def _said(worker: SlurmWorker) -> Iterator[Message]:
    from submitit.core.utils import pickle_load

    try:
        end, told = pickle_load(worker.job.paths.result_pickle)
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        worker.lost_how = f"the outcome of its SLURM job {worker.number} cannot be read ({error})"
        return
    if end == "success":
        yield from Outcome.read(told).messages()
        return
    worker.broke = True  # before or after our own code: such as a machine that lacks a module
    yield Broken(f"its SLURM job {worker.number} raised {last_line(told)}", told)


def _told_by_sbatch(text: str) -> str:
    """The lines that sbatch itself wrote, of submitit's report about it."""
    said = [line.removeprefix("sbatch: ") for line in text.splitlines() if line.startswith("sbatch: ")]
    lines = dict.fromkeys(line.removeprefix("error: ") for line in said)
    return " ".join(lines) or text
