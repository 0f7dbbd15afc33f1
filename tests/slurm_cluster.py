"""A SLURM of one node, in a folder of its own, for tests: munged, slurmctld and slurmd as our own processes.

Needs root, and the daemons of Debian's packages slurmctld, slurmd, slurm-client and munge.

    python -m tests.slurm_cluster FOLDER      starts one and prints the SLURM_CONF that its commands need
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
START_SECONDS = 30.0

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A job that is requeued begins no sooner than its credential expires.
AuthInfo=socket={folder}/munge.socket,cred_expire=3
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
KillWait=3
MinJobAge=60
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=ALL MaxTime=1 State=UP
"""


class CannotStart(Exception):
    """Why there can be no SLURM here."""


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """A cluster as long as the block lasts; gives the environment that SLURM's commands need.

    Raises:
        CannotStart: with what is lacking, or the log of the daemon that did not come up.
    """
    missing = [name for name in PROGRAMS if _path(name) is None]
    if missing:
        raise CannotStart(f"not installed: {', '.join(missing)} (Debian: slurmctld slurmd slurm-client munge)")
    if os.geteuid() != 0:
        raise CannotStart("slurmd and munged run as root")
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    conf = folder / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    conf.write_text(CONF.format(folder=folder, host=host, controller_port=_free_port(), node_port=_free_port()))
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nIgnoreSystemd=yes\n")
    environment = {"SLURM_CONF": str(conf)}
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    munge = [f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("key-file", "pid-file", "log-file")]
    with ExitStack() as daemons:
        daemons.enter_context(
            _daemon(
                ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *munge,
                 f"--seed-file={folder}/munge.seed"],
                folder / "munged.out", environment, lambda: (folder / "munge.socket").exists(),
            )
        )  # fmt: skip
        daemons.enter_context(
            _daemon(
                ["slurmctld", "-D", "-c"],
                folder / "slurmctld.out",
                environment,
                lambda: _says(environment, "scontrol", "ping") is not None,
            )
        )
        daemons.enter_context(
            _daemon(
                ["slurmd", "-D", "-c", "-N", host],
                folder / "slurmd.out",
                environment,
                lambda: (_says(environment, "sinfo", "--noheader", "--format=%t") or "").split()[:1] == ["idle"],
            )
        )
        try:
            yield environment
        finally:
            _says(environment, "scancel", "--user=root", "--signal=KILL", "--full")
            _says(environment, "scancel", "--user=root")
            _wait(lambda: not _says(environment, "squeue", "--noheader"), seconds=15)


@contextmanager
def _daemon(command: list[str], log: Path, environment: dict[str, str], is_up: Callable[[], bool]) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(_path(command[0])), *command[1:]],
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=os.environ | environment, start_new_session=True,
        )  # fmt: skip
    try:
        if not _wait(lambda: process.poll() is not None or is_up(), START_SECONDS) or process.poll() is not None:
            raise CannotStart(f"{command[0]} does not come up: {log.read_text()[-500:]}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _wait(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return held


def _says(environment: dict[str, str], *command: str) -> str | None:
    """What a command of SLURM prints; ``None`` where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)
    return done.stdout if done.returncode == 0 else None


def _path(program: str) -> str | None:
    """Daemons lie where only root looks."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


if __name__ == "__main__":
    # A daemon is ended on the way out, which SIGTERM alone would not take.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with slurm_cluster(Path(sys.argv[1])) as made:
        sys.stdout.write(f"export SLURM_CONF={made['SLURM_CONF']}\n")
        sys.stdout.flush()
        signal.pause()
