"""Leases: one process at a time, taken over from one that is gone, whatever the clocks say."""

import multiprocessing
import os
import threading
import time

import pytest

from titn.system import leases
from titn.system.errors import ConfigError
from titn.system.leases import Found, Lease, LockLostError, Watch

HOUR = 3600.0


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Leases that a busy machine has time to renew, and that run out within a test."""
    monkeypatch.setenv(leases.SECS, "1")
    monkeypatch.setattr(leases.os, "fsync", lambda _: None)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "lease"


def taken(place) -> Lease:
    lease = Lease(place)
    assert lease.take()
    return lease


def abandoned(place) -> Lease:
    """Held by a process that renews nothing any more."""
    lease = taken(place)
    lease.over.set()
    return lease


def take_within(lease: Lease, secs: float) -> bool:
    end = time.monotonic() + secs
    while not (is_taken := lease.take()) and time.monotonic() < end:
        time.sleep(0.05)
    return is_taken


def test_what_is_given_back_can_be_taken_and_leaves_one_file(place):
    first, second = taken(place), Lease(place)
    assert not second.take()
    first.give_back()
    assert second.take()
    assert len(os.listdir(place)) == 1
    second.give_back()


def test_one_that_is_renewed_is_not_taken_over(place):
    first = taken(place)
    assert not take_within(Lease(place), 2.5)
    first.check()
    first.give_back()


@pytest.mark.parametrize("hours", [-5.0, 5.0])
def test_the_clock_of_the_host_decides_nothing(place, monkeypatch, hours):
    now = time.time
    monkeypatch.setattr(leases.time, "time", lambda: now() + hours * HOUR)
    first = taken(place)
    assert not take_within(Lease(place), 1.5)
    first.over.set()
    assert take_within(Lease(place), 10)


def test_of_many_takers_of_one_that_is_gone_one_wins(place):
    abandoned(place)
    start, winners = threading.Barrier(12), list[Lease]()

    def compete() -> None:
        lease = Lease(place)
        start.wait()
        if take_within(lease, 3):
            winners.append(lease)

    threads = [threading.Thread(target=compete) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1
    winners[0].check()
    winners[0].give_back()


def count_up(place, counter, times: int) -> None:
    for _ in range(times):
        lease = Lease(place)
        while not lease.take():
            time.sleep(0.001)
        number = int(counter.read_text())
        time.sleep(0.002)
        counter.write_text(str(number + 1))
        lease.give_back()


def test_processes_have_it_one_after_the_other(place, tmp_path, monkeypatch):
    monkeypatch.setenv(leases.SECS, "60")
    counter = tmp_path / "counter"
    counter.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=count_up, args=(place, counter, 10)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert counter.read_text() == "40"


def test_a_taker_that_slept_while_others_took_it_has_not_got_it(place):
    """It wakes up with a number that was made, and removed again, in the meantime."""
    taken(place).give_back()  # number 1: the sleeper is about to make 2
    taken(place).give_back()
    third = taken(place)
    opened = os.open(place, os.O_RDONLY)
    sleeper = Lease(place)
    assert not sleeper._make(opened, 2)
    os.close(opened)
    third.check()
    assert os.listdir(place) == ["00000003"]
    third.give_back()


def test_a_taker_that_slept_while_the_place_was_made_anew_has_not_got_it(place):
    taken(place).give_back()
    opened = os.open(place, os.O_RDONLY)
    leases.remove_files(place)
    second = taken(place)
    sleeper = Lease(place)
    assert not sleeper._make(opened, 2)
    os.close(opened)
    second.check()
    second.give_back()


def test_a_holder_that_was_suspended_notices_and_leaves_the_other_alone(place):
    first, second = abandoned(place), Lease(place)
    first.check()
    assert take_within(second, 10)
    first._renew()
    with pytest.raises(LockLostError, match=rf"process {os.getpid()} of host \S+ has taken over"):
        first.check()
    first.give_back()
    second.check()
    assert not Lease(place).take()
    second.give_back()


def test_the_thread_that_renews_notices_too(place):
    first = taken(place)
    (place / "00000002").write_bytes(leases.this_process().to_bytes())
    end = time.monotonic() + 10
    while first.lost is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    with pytest.raises(LockLostError):
        first.raise_if_lost()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"host": 1}', b"\xff" * 600])
def test_one_whose_holder_died_while_it_wrote_is_taken_over(place, content):
    place.mkdir()
    (place / "00000007").write_bytes(content)
    lease = Lease(place)
    assert not lease.take()
    assert take_within(lease, 10)
    assert lease.number == 8
    lease.give_back()


@pytest.mark.parametrize(("pause", "secs"), [(10.0, 40.0), (30.0, 0.0)])
def test_a_waiter_that_was_suspended_itself_begins_anew(monkeypatch, pause, secs):
    """Of a lease of a minute, looked at five times: only looks that follow each other count."""
    times = iter(pause * index for index in range(5))
    monkeypatch.setattr(leases.time, "monotonic", lambda: next(times))
    watch, found = Watch(), Found(1, leases.this_process(60.0).to_bytes(), 0.0)
    assert [watch.unchanged_secs(found) for _ in range(5)][-1] == secs


def test_a_lease_lasts_as_long_as_its_holder_says(place, monkeypatch):
    monkeypatch.setenv(leases.SECS, "60")
    abandoned(place)
    monkeypatch.setenv(leases.SECS, "0.5")
    assert not take_within(Lease(place), 2)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "a minute", "1e9"])
def test_a_length_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv(leases.SECS, text)
    with pytest.raises(ConfigError, match=f"^{leases.SECS}={text}: "):
        leases.lease_secs()
