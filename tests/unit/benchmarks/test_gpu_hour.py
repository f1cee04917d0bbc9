"""An hour with a GPU, by calls that may be cut short; the steps are small programs here."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import psutil
import pytest

from tests.unit.benchmarks.conftest import BENCHMARKS

# Counts to ten in files of its own, and goes on where it was; a signal makes it note that.
COUNT = """
import pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1])
def leave(*_):
    (here / "saved").touch()
    sys.exit(130)
signal.signal(signal.SIGTERM, leave)
for i in range(10):
    (here / str(i)).touch()
    time.sleep(float(sys.argv[2]))
"""
WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"


@pytest.fixture
def gpu_hour(script):
    return script("gpu_hour")


def program(gpu_hour, name, source, *arguments, **settings):
    words = ["-c", source, *map(str, arguments)]
    return gpu_hour.Step(name, words, **{"needs_data": False} | settings)


def run(gpu_hour, work, steps, secs=60.0, parts=()):
    gpu_hour.run(work, parts, steps, time.monotonic() + secs)
    return {name: step["state"] for name, step in gpu_hour.Journal(work).steps.items()}


def test_what_is_done_is_not_done_again_and_what_fails_is(gpu_hour, tmp_path):
    done, made = tmp_path / "done", tmp_path / "made"
    good = program(gpu_hour, "good", WRITE, done)
    bad = program(gpu_hour, "bad", "import sys; sys.exit(3)")
    last = program(gpu_hour, "last", WRITE, made)
    assert run(gpu_hour, tmp_path, [good, bad, last]) == {
        "good": "done", "bad": "failed", "last": "done",
    }  # fmt: skip
    done.unlink()
    mended = program(gpu_hour, "bad", "pass")
    assert run(gpu_hour, tmp_path, [good, mended, last])["bad"] == "done"
    assert not done.exists()


def test_a_step_that_fails_twice_is_not_tried_again(gpu_hour, tmp_path):
    bad = program(gpu_hour, "bad", "import sys; sys.exit(3)")
    for _ in range(3):
        assert run(gpu_hour, tmp_path, [bad]) == {"bad": "failed"}
    assert gpu_hour.Journal(tmp_path).steps["bad"]["calls"] == 2


def test_a_step_is_told_to_save_at_the_deadline(gpu_hour, tmp_path):
    step = program(gpu_hour, "slow", COUNT, tmp_path, 30)
    assert run(gpu_hour, tmp_path, [step], secs=2.0) == {"slow": "stopped"}
    assert (tmp_path / "saved").exists()


def test_a_step_that_had_its_time_is_left_and_others_have_theirs(gpu_hour, tmp_path):
    step = program(gpu_hour, "slow", COUNT, tmp_path, 30, most_secs=1.0)
    after = program(gpu_hour, "after", WRITE, tmp_path / "after")
    assert run(gpu_hour, tmp_path, [step, after]) == {"slow": "left", "after": "done"}


def test_steps_that_need_the_data_wait_until_all_of_it_is_there(gpu_hour, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for part, names in ((first, "ab"), (second, "cd")):
        part.mkdir()
        for name in names:
            (part / f"{name}.parquet").write_text(name)
    reads = program(gpu_hour, "reads", WRITE, tmp_path / "read", needs_data=True)
    other = program(gpu_hour, "other", "pass")
    assert run(gpu_hour, tmp_path, [reads, other], parts=[first]) == {"other": "done"}
    assert run(gpu_hour, tmp_path, [reads, other], parts=[second])["reads"] == "done"
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == [
        "a.parquet", "b.parquet", "c.parquet", "d.parquet",
    ]  # fmt: skip


def test_what_a_killed_call_left_running_is_stopped_first(gpu_hour, tmp_path):
    call = f"""
import sys, time; sys.path.insert(0, {str(BENCHMARKS)!r})
import gpu_hour, pathlib
step = gpu_hour.Step("slow", ["-c", {COUNT!r}, {str(tmp_path)!r}, "30"], needs_data=False)
gpu_hour.run(pathlib.Path({str(tmp_path)!r}), [], [step], time.monotonic() + 60)
"""
    killed = subprocess.Popen([sys.executable, "-c", call])
    ends = time.monotonic() + 60
    while not (tmp_path / "0").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    left = json.loads((tmp_path / "process.json").read_text())["pid"]
    assert psutil.pid_exists(left)
    quick = program(gpu_hour, "slow", "pass")
    assert run(gpu_hour, tmp_path, [quick]) == {"slow": "done"}
    assert (tmp_path / "saved").exists()
    assert gpu_hour.Journal(tmp_path).steps["slow"]["calls"] == 2


def test_archives_are_small_enough_and_have_it_all(gpu_hour, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_hour, "ARCHIVE_BYTES", 1000)
    work, out = tmp_path / "work", tmp_path / "out"
    (work / "logs").mkdir(parents=True)
    for i in range(5):
        (work / "logs" / f"{i}.log").write_bytes(os.urandom(400))
    gpu_hour.collect(work, out)
    names = []
    for archive in out.glob("records_*.tar.gz"):
        with tarfile.open(archive) as opened:
            assert sum(member.size for member in opened.getmembers()) <= 1000
            names += opened.getnames()
    assert sorted(names) == [f"logs/{i}.log" for i in range(5)]


def test_every_step_is_one_that_titn_takes(gpu_hour, composed):
    not_of_a_job = ("--multirun", "+ablation", "hydra", "dataset.root", "seed=1,2")
    trained = []
    for step in gpu_hour.steps(Path("work"), "cuda", rehearse=False):
        words = list(step.arguments)
        if words[:2] == ["-m", "titn.train"]:
            composed(*(word for word in words[2:] if not word.startswith(not_of_a_job)))
            trained.append(step.name)
    assert len(trained) == 5
