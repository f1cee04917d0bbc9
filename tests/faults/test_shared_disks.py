"""Runs on a disk without flock whose clock is an hour ahead, and on one with flock for each host.

Both are made by FUSE (tests/services/fuse_disk.py). What is compared is a run on a disk as usual.
"""

import os
import re
import signal
import time
from pathlib import Path

import fuse_disk
import pytest
from harness import TINY, Process, start
from killed_runs import contents

from titn.system import leases, locks

pytestmark = pytest.mark.fuse

RUN = (*TINY, "batch_size=64", "epochs=6", "mix=cutmix", "checkpoint_secs=0")
# A busy machine renews in that time, and a test can wait for it.
LEASE_SECS = 6


@pytest.fixture(scope="module", autouse=True)
def fuse():
    if absent := fuse_disk.missing():
        pytest.skip(f"needs FUSE, and there is no {absent}: {fuse_disk.INSTALL}")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What is left of the run where nothing goes wrong."""
    whole = tmp_path_factory.mktemp("whole")
    assert start("train", *RUN, cwd=whole).wait().code == 0
    return contents(whole / "runs")


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


@pytest.fixture
def mount(disk, tmp_path):
    with fuse_disk.mounted(disk, tmp_path / "mount", "ENOSYS", 3600) as mount:
        yield mount


def train(mount: Path, *more: str, options=(), **environment: str) -> Process:
    def before() -> None:
        os.environ.update({leases.SECS: str(LEASE_SECS), **environment})

    command = (*options, *RUN, *more, f"runs_dir={mount}/runs")
    return start("train", *command, cwd=mount.parent, before=before)


def wait_for(disk: Path, pattern: str) -> Path:
    end = time.monotonic() + 120
    while not (found := list(disk.glob(pattern))):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found[0]


def test_two_processes_make_a_cell_once(disk, mount, expected):
    both = [train(mount), train(mount)]
    done = [process.wait() for process in both]
    assert [one.code for one in done] == [0, 0]
    assert sum("epoch 6/6" in one.err for one in done) == 1
    assert contents(disk / "runs") == expected


def test_a_killed_process_is_followed_once_its_lease_is_over(disk, mount, expected):
    first = train(mount)
    wait_for(disk, "runs/*/checkpoint-*")
    first.kill()
    done = train(mount).wait()
    assert done.code == 0
    assert f"process {first.pid} of host {os.uname().nodename} seems to be gone" in done.err
    assert contents(disk / "runs") == expected


def test_a_suspended_process_ends_with_a_line_and_writes_nothing(disk, mount, expected):
    first = train(mount)
    wait_for(disk, "runs/*/checkpoint-*")
    first.send(signal.SIGSTOP)
    second = train(mount)
    wait_for(disk, "runs/*/.lock.lease/00000002")
    first.send(signal.SIGCONT)
    done = first.wait()
    assert done.code == 1
    assert [f"process {second.pid} of host" in line for line in done.complaints] == [True]
    assert "Traceback" not in done.err
    assert second.wait().code == 0
    assert contents(disk / "runs") == expected
    assert not list(disk.glob("runs/*/failure.json"))


def test_a_suspended_sweep_collects_what_another_made_meanwhile(disk, mount, expected):
    first = train(mount, "seed=0", options=["--multirun"])
    wait_for(disk, "runs/*/checkpoint-*")
    first.send(signal.SIGSTOP)
    second = train(mount, "seed=0", options=["--multirun"])
    wait_for(disk, "runs/*/.lock.lease/00000002")
    first.send(signal.SIGCONT)
    done = first.wait()
    assert "has taken over" in done.err
    assert "1 of 1 cells recorded" in done.err
    assert (done.code, second.wait().code) == (0, 0)
    assert contents(disk / "runs") == expected


def status(mount: Path) -> str:
    def before() -> None:
        os.environ[leases.SECS] = str(LEASE_SECS)

    return start("status", str(mount / "runs"), cwd=mount.parent, before=before).wait().err


def test_status_tells_who_holds_a_lease_and_who_no_longer_does(disk, mount):
    first = train(mount, "seed=0", "epochs=500", options=["--multirun"])
    wait_for(disk, "runs/*/checkpoint-*")
    running = status(mount)
    os.kill(first.pid, signal.SIGSTOP)
    time.sleep(1)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    gone = status(mount)
    host = os.uname().nodename
    assert re.search(rf"running, \d+/500 epochs, on host {host};", running)
    assert re.search(rf"half done, \d+/500 epochs, last on host {host};", gone)


def test_where_flock_is_each_hosts_own_the_first_one_stops(disk, tmp_path, expected):
    with (
        fuse_disk.mounted(disk, tmp_path / "host1") as host1,
        fuse_disk.mounted(disk, tmp_path / "host2") as host2,
    ):
        first = train(host1)
        wait_for(disk, "runs/*/checkpoint-*")
        second = train(host2)
        done = first.wait()
        assert done.code == 1
        assert f"process {second.pid} of host" in done.complaints[-1]
        assert "set TITN_LOCKS=lease on all hosts" in done.complaints[-1]
        assert second.wait().code == 0
    assert contents(disk / "runs") == expected


def test_with_leases_hosts_with_flocks_of_their_own_share_a_cell(disk, tmp_path, expected):
    with (
        fuse_disk.mounted(disk, tmp_path / "host1") as host1,
        fuse_disk.mounted(disk, tmp_path / "host2") as host2,
    ):
        both = [train(host, **{locks.KIND: "lease"}) for host in (host1, host2)]
        done = [process.wait() for process in both]
    assert [one.code for one in done] == [0, 0]
    assert sum("epoch 6/6" in one.err for one in done) == 1
    assert contents(disk / "runs") == expected
