"""A Slurm of one host in a directory, from Debian's packages: brought up and down by hand.

python tests/services/slurm_service.py up DIR      # prints the line that lets a shell see it
python tests/services/slurm_service.py down DIR

Needs slurmctld, slurmd and munged (apt-get install --no-install-recommends slurm-wlm munge). It has
a key, sockets and ports of its own, and keeps all its files in DIR; it heeds loopback alone.
"""

import getpass
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from titn.system.ports import free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
INSTALL = "apt-get install -y --no-install-recommends slurm-wlm munge"
# Daemons lie where the path of a user may not lead.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

# No accounting, and nothing that a container may lack: cgroups, another node, mail.
CONF = """\
ClusterName=titn-{name}
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={slurmd_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={home}/munge/socket
CredType=cred/munge
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd.log
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
KillWait=20
MinJobAge=300
ReturnToService=2
SlurmdTimeout=0
NodeName={node} NodeAddr=127.0.0.1 NodeHostname={node} {hardware} State=UNKNOWN
PartitionName=short Nodes={node} MaxTime=00:30:00 DefaultTime=00:10:00 State=UP OverSubscribe=NO
PartitionName=batch Nodes={node} Default=YES MaxTime=INFINITE DefaultTime=01:00:00 State=UP
"""


def missing() -> list[str]:
    """Of the programs that are needed, those that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]


def up(home: Path, timeout_secs: float = 60.0) -> dict[str, str]:
    """Start it; the variables that let Slurm's commands find it, once its node takes jobs."""
    home.mkdir(parents=True, exist_ok=True)
    home = home.resolve()
    for name in ("munge", "state", "spool"):
        (home / name).mkdir(exist_ok=True)
    os.chmod(home, 0o755)  # munge's clients may be anyone
    os.chmod(home / "munge", 0o755)
    _start_munge(home / "munge")
    hardware = subprocess.run(
        [_program("slurmd"), "-C"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    conf = home / "slurm.conf"
    conf.write_text(
        CONF.format(
            home=home, name=home.name.lower()[:20], user=getpass.getuser(),
            ctld_port=free_port(), slurmd_port=free_port(),
            node=socket.gethostname().partition(".")[0],
            hardware=re.sub(r"^NodeName=\S+ ", "", hardware),
        )
    )  # fmt: skip
    environment = {"SLURM_CONF": str(conf)}
    for daemon in ("slurmctld", "slurmd"):
        _run([_program(daemon), "-f", str(conf)], environment)
    end = time.monotonic() + timeout_secs
    while _run(["sinfo", "-h", "-o", "%T"], environment, check=False).strip() not in (
        "idle", "idle\nidle"
    ):  # fmt: skip
        if time.monotonic() > end:
            log = (home / "slurmctld.log").read_text()[-500:]
            down(home)
            raise RuntimeError(f"slurm did not come up within {timeout_secs:.0f} s: {log}")
        time.sleep(0.2)
    return environment


def down(home: Path) -> None:
    """End its jobs and its daemons, by the process numbers that they wrote down."""
    home = home.resolve()
    environment = {"SLURM_CONF": str(home / "slurm.conf")}
    _run(["scancel", "--user", getpass.getuser()], environment, check=False)
    end = time.monotonic() + 30
    while _run(["squeue", "-h"], environment, check=False).strip() and time.monotonic() < end:
        time.sleep(0.2)
    pids = (home / "slurmd.pid", home / "slurmctld.pid", home / "munge" / "pid")
    numbers = [int(file.read_text()) for file in pids if file.exists()]
    for number in numbers:
        _signal(number, signal.SIGTERM)
    end = time.monotonic() + 10
    while any(_signal(number, 0) for number in numbers) and time.monotonic() < end:
        time.sleep(0.1)


def _start_munge(place: Path) -> None:
    key = place / "key"
    if not key.exists():
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
    # Forced: the directory above may be writable by others, as /tmp is.
    _run(
        [
            _program("munged"), "--force", f"--key-file={key}", f"--socket={place}/socket",
            f"--pid-file={place}/pid", f"--log-file={place}/log", f"--seed-file={place}/seed",
        ]
    )  # fmt: skip


def _program(name: str) -> str:
    return shutil.which(name, path=PATH) or name


def _signal(number: int, which: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(number, which)
    except OSError:
        return False
    return True


def _run(command: list[str], environment: dict[str, str] | None = None, check: bool = True) -> str:
    # Daemons keep what they inherit: a pipe would never end.
    log = subprocess.DEVNULL if check else subprocess.PIPE
    done = subprocess.run(
        command, env=os.environ | (environment or {}), check=check, stdin=subprocess.DEVNULL,
        stdout=log, stderr=subprocess.DEVNULL, text=True, timeout=60,
    )  # fmt: skip
    return done.stdout or ""


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.exit("usage: slurm_service.py up|down DIR")
    if absent := missing():
        sys.exit(f"there is no {absent[0]} here: {INSTALL}")
    if sys.argv[1] == "up":
        print(f"export SLURM_CONF={up(Path(sys.argv[2]))['SLURM_CONF']}")
    else:
        down(Path(sys.argv[2]))
