"""Locks, by flock and by lease, as one host and as others see them."""

import errno
import fcntl
import os
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from titn.system import leases, locks
from titn.system.errors import ConfigError
from titn.system.leases import Holder, LockLostError
from titn.system.locks import HeldError, Lock, holder_text, is_held

ELSEWHERE = Holder("node7", 42, "their-token", "their-kernel", 1.0)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setenv(leases.SECS, "1")
    monkeypatch.delenv(locks.KIND, raising=False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / ".lock"


@contextmanager
def without_flock(number: int = errno.ENOSYS):
    """As a host sees it whose file system has none."""

    def fails(*_):
        raise OSError(number, os.strerror(number))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fcntl, "flock", fails)
        yield


def lease_of(path, holder: Holder) -> None:
    """As another host has written it."""
    place = path.with_name(".lock.lease")
    place.mkdir(exist_ok=True)
    (place / "00000001").write_bytes(holder.to_bytes())


def everything(directory) -> dict:
    return {p: p.is_file() and p.read_bytes() for p in directory.rglob("*")}


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_flock_a_lease_is_taken(path, number):
    with without_flock(number):
        with Lock(path):
            assert is_held(path)
            with pytest.raises(HeldError):
                Lock(path).acquire(timeout=0)
        assert not is_held(path)
        with Lock(path, timeout=0):
            pass


def test_another_error_of_flock_is_an_error(path):
    with without_flock(errno.EIO), pytest.raises(OSError, match="Input/output"):
        Lock(path).acquire()
    assert not path.with_name(".lock.lease").exists()


def test_a_host_with_flock_heeds_the_lease_of_one_without(path):
    lock = Lock(path)
    with without_flock():
        lock.acquire()
    with pytest.raises(HeldError):
        Lock(path).acquire(timeout=0)
    lock.release()
    with Lock(path, timeout=0):
        pass


def test_a_host_without_flock_refuses_what_one_with_flock_may_hold(path):
    path.write_bytes(ELSEWHERE.to_bytes())
    said = r"process 42 of host node7 took it with flock.*remove"
    with without_flock(), pytest.raises(ConfigError, match=said):
        Lock(path).acquire()


def test_leases_can_be_asked_for(path, monkeypatch):
    monkeypatch.setenv(locks.KIND, "lease")
    with Lock(path):
        assert [file.name for file in path.with_name(".lock.lease").iterdir()] == ["00000001"]


def test_another_kind_is_refused(path, monkeypatch):
    monkeypatch.setenv(locks.KIND, "soft")
    with pytest.raises(ConfigError, match=r"^TITN_LOCKS=soft: "):
        Lock(path).acquire()


def test_who_holds_the_flock_is_written_into_it_and_removed(path):
    with Lock(path):
        assert leases.parse_holder(path.read_bytes()).pid == os.getpid()
    assert path.read_bytes() == b""


def test_a_signature_of_endless_time_is_none():
    content = b'{"host": "a", "pid": 1, "token": "t", "secs": 1' + b"0" * 400 + b"}"
    assert leases.parse_holder(content) is None


def test_a_second_holder_on_a_disk_whose_flock_is_each_hosts_own_is_noticed(path):
    with Lock(path) as lock:
        lock.check()
        path.write_bytes(ELSEWHERE.to_bytes())
        with pytest.raises(LockLostError, match=r"42 of host node7 has its lock too.*TITN_LOCKS"):
            lock.check()
    assert leases.parse_holder(path.read_bytes()) == ELSEWHERE  # it is the other's now


def test_a_lease_beside_the_flock_is_noticed(path):
    with Lock(path) as lock:
        lease_of(path, ELSEWHERE)
        with pytest.raises(LockLostError, match="node7 holds a lease on it; TITN_LOCKS has to be"):
            lock.check()


@pytest.mark.parametrize(("kernel", "said"), [("their-kernel", True), (None, False)])
def test_a_lock_that_another_host_never_gave_back_is_named(path, capsys, kernel, said):
    left = Holder("node7", 42, "t", kernel or leases.kernel_of_host())
    path.write_bytes(left.to_bytes())
    with Lock(path):
        pass
    assert ("process 42 of host node7 never gave it back" in capsys.readouterr().err) is said


@pytest.mark.parametrize("is_old", [False, True])
def test_looking_at_a_lease_changes_nothing(path, is_old):
    """One that is not renewed is no longer held, and stays where it is."""
    lease_of(path, ELSEWHERE)
    if is_old:
        file = path.with_name(".lock.lease") / "00000001"
        os.utime(file, (time.time() - 90, time.time() - 90))
    before = everything(path.parent)
    assert is_held(path) is not is_old
    assert everything(path.parent) == before


def test_a_lease_that_is_renewed_is_held_whatever_the_clock_says(path, monkeypatch, capsys):
    monkeypatch.setenv(locks.KIND, "lease")
    now = time.time
    with Lock(path) as lock:
        lock._free_flock()  # what another host would see
        monkeypatch.setattr(leases.time, "time", lambda: now() + 7200)
        assert is_held(path)
        with pytest.raises(HeldError):
            Lock(path).acquire(timeout=0)
    assert "gone" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("age", "is_running", "text"),
    [
        (0, True, "on host node7"),
        (30, True, "on host node7, not renewed for 30 s"),
        (7200, True, "on host node7"),  # it was seen to be renewed: the clocks differ
        (7200, False, "last on host node7"),
    ],
)
def test_the_holder_of_a_lease_is_told(path, age, is_running, text):
    lease_of(path, replace(ELSEWHERE, secs=60.0))
    then = time.time() - age
    os.utime(path.with_name(".lock.lease") / "00000001", (then, then))
    assert holder_text(path, is_running) == text


def test_a_holder_of_this_host_goes_without_saying(path):
    with Lock(path):
        assert holder_text(path, is_running=True) == ""


@pytest.mark.parametrize("kind", ["auto", "lease"])
def test_it_is_removed_with_all_its_files(path, monkeypatch, kind):
    monkeypatch.setenv(locks.KIND, kind)
    lock = Lock(path)
    lock.acquire()
    lock.release(remove=True)
    assert everything(path.parent) == {}


def test_a_silent_lease_is_taken_over_and_said(path, capsys):
    lease_of(path, ELSEWHERE)
    os.utime(path.with_name(".lock.lease") / "00000001", (time.time() - 90, time.time() - 90))
    with Lock(path, timeout=0) as lock:
        lock.check()
    assert "process 42 of host node7 seems to be gone" in capsys.readouterr().err
