"""What Slurm's commands print is read, and what they do not say is told."""

import os
import time

import pytest

from titn.system import slurm
from titn.system.slurm import SlurmError, SlurmUncertainError, Task


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Puts a program of this name first on the path; returns the file with its arguments."""

    def write(name: str, body: str):
        said = tmp_path / f"{name}.said"
        file = tmp_path / name
        file.write_text(f'#!/bin/sh\necho "$@" >> {said}\n{body}\n')
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return said

    return write


def test_tasks_of_arrays_are_read():
    printed = "12_3|titn-mix-1|PENDING|Resources\n12_10|titn-mix-1|RUNNING|None\n"
    printed += "13|titn-mix-2|CANCELLED|JobArrayTaskLimit\nsqueue: warning\n"
    assert slurm.parse(printed) == [
        Task("12", 3, "titn-mix-1", "PENDING", "Resources"),
        Task("12", 10, "titn-mix-1", "RUNNING", "None"),
        Task("13", None, "titn-mix-2", "CANCELLED", "JobArrayTaskLimit"),
    ]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("PENDING", "queued"), ("REQUEUE_HOLD", "queued"), ("SUSPENDED", "queued"),
        ("RUNNING", "running"), ("COMPLETING", "running"), ("CONFIGURING", "running"),
        ("COMPLETED", "ended"), ("CANCELLED", "ended"), ("FAILED", "ended"), ("TIMEOUT", "ended"),
        ("NODE_FAIL", "ended"), ("OUT_OF_MEMORY", "ended"), ("SOMETHING_NEW", "ended"),
    ],
)  # fmt: skip
def test_a_state_of_slurm_is_one_of_three(state, kind):
    assert Task("1", 0, "n", state, "").kind == kind


def test_squeue_is_asked_once_for_all_names_and_with_titns_own_format(command, monkeypatch):
    monkeypatch.setenv("SQUEUE_FORMAT", "%A")
    said = command("squeue", 'test -z "$SQUEUE_FORMAT" && echo "12_0|b|RUNNING|None"')
    assert [task.job for task in slurm.listed(["b", "a", "b"])] == ["12"]
    assert said.read_text().splitlines() == [
        "--array --noheader --states=all --name=a,b --format=%i|%j|%T|%r"
    ]


def test_nothing_is_asked_for_no_names(command):
    said = command("squeue", "exit 1")
    assert slurm.listed([]) == []
    assert not said.exists()


def test_a_command_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SlurmError, match=r"^there is no squeue on this machine$"):
        slurm.listed(["a"])


def test_a_command_that_does_not_answer_is_not_waited_for(command):
    command("squeue", "exec sleep 30")
    started = time.monotonic()
    with pytest.raises(SlurmError, match=r"^squeue did not answer within 0 s$"):
        slurm.listed(["a"], timeout_secs=0.2)
    assert time.monotonic() - started < 10


def test_what_sbatch_refuses_is_one_line(command):
    first = 'echo "sbatch: error: invalid partition specified: x" >&2'
    last = 'echo "sbatch: error: Batch job submission failed: Invalid partition" >&2'
    command("sbatch", f"{first}\n{last}\nexit 1")
    with pytest.raises(SlurmError) as error:
        slurm.submit("job.sh")
    assert str(error.value) == "sbatch: Batch job submission failed: Invalid partition"


@pytest.mark.parametrize(
    ("printed", "number"),
    [("17", "17"), ("17;cluster2", "17"), ("Your project has 3 hours left\n17", "17")],
)
def test_the_number_of_a_job_is_read(command, printed, number):
    said = command("sbatch", f'echo "{printed}"')
    assert slurm.submit("job.sh") == number
    assert said.read_text() == "--parsable job.sh\n"


def test_without_a_number_a_job_may_have_been_queued(command):
    command("sbatch", "echo thanks")
    with pytest.raises(
        SlurmUncertainError, match=r"^sbatch printed no number of a job, but 'thanks'$"
    ):
        slurm.submit("job.sh")


def test_only_what_is_named_is_cancelled(command):
    said = command("scancel", "")
    slurm.cancel([])
    slurm.cancel(["12_3", "13"], pending_only=True)
    assert said.read_text() == "--state=PENDING 12_3 13\n"


@pytest.mark.parametrize(("printed", "has"), [("(null)", False), ("gpu:a100:4(S:0-1)", True)])
def test_a_partition_has_gpus_if_a_node_of_it_offers_them(command, printed, has):
    said = command("sinfo", f'echo "{printed}"')
    assert slurm.has_gpus("long") is has
    assert said.read_text() == "--noheader --format=%G --partition=long\n"
