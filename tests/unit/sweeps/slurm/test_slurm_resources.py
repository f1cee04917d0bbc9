"""What a job of a cell asks for: hand-computed."""

from types import SimpleNamespace

import pytest

from titn.sweeps.slurm import resources
from titn.system.errors import ConfigError
from titn.system.slurm import SlurmError

RUNS = [{"device": "auto", "devices": 1}, {"device": "cuda", "devices": 4}]
ON_CPUS = [{"device": "cpu", "devices": 2}]


@pytest.mark.parametrize(
    ("runs", "given", "has_some", "asked"),
    [
        (RUNS, None, True, "4"),
        (RUNS, None, False, "0"),
        (ON_CPUS, None, True, "0"),
        (RUNS, "a100:2", True, "a100:2"),
    ],
)
def test_a_job_has_a_gpu_for_each_device(monkeypatch, runs, given, has_some, asked):
    monkeypatch.setattr(resources.slurm, "has_gpus", lambda partition: has_some)
    options = SimpleNamespace(gpus=given, partition=None)
    assert resources.gpus_for(iter(runs), options) == asked


def test_a_slurm_that_does_not_answer_leaves_the_number_to_the_user(monkeypatch):
    def fail(partition):
        raise SlurmError("sinfo does not answer")

    monkeypatch.setattr(resources.slurm, "has_gpus", fail)
    with pytest.raises(ConfigError, match=r"^hydra\.launcher\.gpus=auto: sinfo .* give .*gpus=0"):
        resources.gpus_for(RUNS, SimpleNamespace(gpus=None, partition=None))


@pytest.mark.parametrize(("secs", "minutes"), [(1, 10), (240, 11), (3600, 95)])
def test_a_job_has_half_as_long_again_as_past_cells(secs, minutes):
    assert resources.minutes_for(secs) == minutes


@pytest.mark.parametrize(
    ("gpus", "words"), [("0", "no GPU"), ("1", "1 GPU"), ("4", "4 GPUs"), ("a100:2", "GPUs a100:2")]
)
def test_what_is_asked_for_is_said(gpus, words):
    asked = resources.Resources(minutes=95, mebibytes=3328, gpus=gpus)
    assert asked.describe() == f"1 h 35 min, {words}, 3.2 GiB of memory"
