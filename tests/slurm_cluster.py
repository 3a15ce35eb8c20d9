"""A Slurm cluster of this one machine: munged, slurmctld and slurmd, started without systemd.

Nothing of it needs the network or outlives the tests. The daemons come from Debian's packages
(slurm-wlm, munge). The workflow's Slurm executor drops every SLURM_* variable, so that the commands
find their configuration only where Slurm itself looks: it is linked at /etc/slurm/slurm.conf, and a
machine that has one of its own is left alone.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = Path("/etc/slurm/slurm.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
#: every Slurm command is given so long; without its daemons it would wait for ever
SECONDS = 20

_TEMPLATE = """\
ClusterName=alone
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
SlurmdParameters=config_overrides
InactiveLimit=0
KillWait=5
MinJobAge=300
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Cluster:
    """A running cluster; ``folder`` holds its logs."""

    folder: Path

    def command(self, *words: str) -> str:
        """Run one of Slurm's commands and return what it prints."""
        return subprocess.run(
            ["timeout", "-k", "5", str(SECONDS), *words],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def queue(self) -> list[tuple[str, str, str]]:
        """Jobs that wait or run: number, state, comment (the executor writes the rule there)."""
        lines = self.command("squeue", "--noheader", "--format=%i|%T|%k").splitlines()
        return [tuple(line.split("|", 2)) for line in lines]


def absent() -> str:
    """Say what a Slurm cluster on this machine lacks; "" for nothing."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if missing:
        return f"{', '.join(missing)} not installed (on Debian: apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "Slurm's daemons are started by root here"
    if CONFIGURATION.exists() and not CONFIGURATION.is_symlink():
        return f"{CONFIGURATION} is this machine's own"
    return ""


@contextmanager
def cluster(folder: Path, *, cpus: int = 4, memory_mb: int = 16000) -> Iterator[Cluster]:
    """Start a cluster whose files lie in ``folder``, and end it with all that it runs.

    It has as many processors as it is told to have, whatever the machine has.
    """
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        _TEMPLATE.format(
            folder=folder, host=_host(), ports=_free_ports(2), cpus=cpus, memory_mb=memory_mb
        )
    )
    CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    CONFIGURATION.unlink(missing_ok=True)
    CONFIGURATION.symlink_to(configuration)
    daemons = []
    try:
        daemons.append(_started(
            "munged", "--foreground", "--force", f"--key-file={key}",
            f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
            f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed",
        ))  # fmt: skip
        _wait(lambda: (folder / "munge.socket").exists(), "munged makes its socket")
        daemons.append(_started("slurmctld", "-D", "-i", "-f", str(configuration)))
        daemons.append(_started("slurmd", "-D", "-f", str(configuration)))
        running = Cluster(folder)
        _wait(lambda: _idle(running), "the node is idle")
        yield running
    finally:
        if len(daemons) == 3:
            subprocess.run(
                ["timeout", "-k", "5", str(SECONDS), "scancel", "--user=root"], check=False
            )
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
        CONFIGURATION.unlink(missing_ok=True)


def _path() -> str:
    """The search path, with the folders of daemons."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def _host() -> str:
    return socket.gethostname().split(".")[0]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _started(*words: str) -> subprocess.Popen:
    return subprocess.Popen(
        words,
        env={**os.environ, "PATH": _path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _idle(running: Cluster) -> bool:
    try:
        return "idle" in running.command("sinfo", "--noheader", "--format=%T")
    except subprocess.CalledProcessError:
        return False


def _wait(done, what: str, *, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise RuntimeError(f"after {seconds:g} s still waiting until {what}")
        time.sleep(0.2)
