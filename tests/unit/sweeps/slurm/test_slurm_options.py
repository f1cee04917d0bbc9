"""The keys of hydra/launcher=slurm are checked, and become lines of a batch script."""

from pathlib import Path

import pytest
import yaml

from titn.config.paths import conf_dir
from titn.sweeps.slurm.options import read_options
from titn.sweeps.slurm.resources import Resources
from titn.sweeps.slurm.script import batch_script
from titn.system.errors import ConfigError

SMALL = Resources(minutes=30, mebibytes=2048, gpus="0")


def options(**more):
    given = yaml.safe_load((Path(conf_dir()) / "hydra/launcher/slurm.yaml").read_text())
    del given["_target_"]
    return read_options(given | more)


def script(asked=SMALL, after=None, **more) -> list[str]:
    path = Path("/runs/sweeps/mix/slurm/titn-mix-1")
    return batch_script(
        path, "titn-mix-1", 12, options(**more), asked, after, Path("/data/my work")
    ).splitlines()


def test_a_script_says_all_that_slurm_has_to_know():
    *head, python = script()
    assert head == [
        "#!/bin/bash",
        "#SBATCH --job-name=titn-mix-1",
        "#SBATCH --array=0-11",
        "#SBATCH --output=/runs/sweeps/mix/slurm/titn-mix-1/log-%a.txt",
        "#SBATCH --open-mode=append",
        '#SBATCH --chdir="/data/my work"',
        "#SBATCH --requeue",
        "#SBATCH --signal=B:USR1@120",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --time=30",
        "#SBATCH --mem=2048M",
        "export OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}",
    ]
    assert python.startswith("exec /")
    assert python.endswith(" -m titn.sweeps.slurm.job /runs/sweeps/mix/slurm/titn-mix-1/"
                           "submission.json")  # fmt: skip


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"partition": "gpu"}, "#SBATCH --partition=gpu"),
        ({"account": "lab"}, "#SBATCH --account=lab"),
        ({"qos": "low"}, "#SBATCH --qos=low"),
        ({"cpus": 8}, "#SBATCH --cpus-per-task=8"),
        ({"at_once": 2}, "#SBATCH --array=0-11%2"),
        ({"signal_secs": 300}, "#SBATCH --signal=B:USR1@300"),
        ({"setup": ["module load cuda"]}, "module load cuda"),
        ({"sbatch": {"constraint": "a100"}}, "#SBATCH --constraint=a100"),
        ({"sbatch": {"mail_type": "END"}}, "#SBATCH --mail-type=END"),
        ({"sbatch": {"exclusive": None}}, "#SBATCH --exclusive"),
    ],
)
def test_a_key_becomes_a_line(given, line):
    assert line in script(**given)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (Resources(None, 2048, "1"), "#SBATCH --gres=gpu:1"),
        (Resources(None, 2048, "a100:1"), "#SBATCH --gres=gpu:a100:1"),
    ],
)
def test_a_gpu_is_asked_for_as_gres(asked, line):
    lines = script(asked)
    assert line in lines
    assert not [one for one in lines if "--time" in one]  # the partition's


def test_students_begin_when_their_teacher_has_succeeded_and_are_cancelled_if_it_does_not():
    lines = script(after="12_0")
    assert "#SBATCH --dependency=afterok:12_0" in lines
    assert "#SBATCH --kill-on-invalid-dep=yes" in lines


@pytest.mark.parametrize(
    ("time", "minutes"),
    [
        ("auto", None), (90, 90), ("00:30:00", 30), ("1:30:00", 90), ("2-00:00", 2880),
        ("1-12:00:00", 2160), ("90:30", 91), ("00:05:01", 6),
    ],
)  # fmt: skip
def test_a_time_is_read_as_sbatch_reads_it(time, minutes):
    assert options(time=time).time == minutes


@pytest.mark.parametrize(
    ("memory", "mebibytes"),
    [("auto", None), ("8G", 8192), ("512M", 512), (4096, 4096), ("1t", 2**20)],
)
def test_a_memory_is_read_as_sbatch_reads_it(memory, mebibytes):
    assert options(memory=memory).memory == mebibytes


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"time": "soon"}, "hydra.launcher.time=soon: should be minutes"),
        ({"time": 0}, "hydra.launcher.time=0: should be minutes"),
        ({"time": 43200}, "hydra.launcher.time=43200: would be 30 days; in a file YAML reads time"),
        ({"time": True}, "hydra.launcher.time=true: should be minutes"),
        ({"time": 2}, "hydra.launcher.time=2: leaves a job less than 60 s before it is told to"),
        ({"memory": "much"}, "hydra.launcher.memory=much: should be a number with K, M"),
        ({"memory": 0}, "hydra.launcher.memory=0: should be a number with K, M"),
        ({"gpus": "a100"}, "hydra.launcher.gpus=a100: should be a number, TYPE:NUMBER"),
        ({"gpus": -1}, "hydra.launcher.gpus=-1: should be a number, TYPE:NUMBER"),
        ({"cpus": 0}, "hydra.launcher.cpus=0: "),
        ({"at_once": 0}, "hydra.launcher.at_once=0: "),
        ({"signal_secs": 1}, "hydra.launcher.signal_secs=1: "),
        ({"partition": "a b"}, "hydra.launcher.partition=a b: should be one word"),
        ({"partition": "a;rm"}, "hydra.launcher.partition=a;rm: should be one word"),
        ({"setup": ["#SBATCH -p gpu"]}, "hydra.launcher.setup: #SBATCH -p gpu is no line of a"),
        ({"sbatch": ["exclusive"]}, "hydra.launcher.sbatch=[exclusive]: should be options"),
        ({"sbatch": {"array": "0-3"}}, "hydra.launcher.sbatch.array: is set by titn for every job"),
        ({"sbatch": {"mem": "8G"}}, "hydra.launcher.sbatch.mem: is hydra.launcher.memory; set "),
        ({"sbatch": {"--x y": 1}}, "hydra.launcher.sbatch.--x y: should be a long option of"),
        ({"sbatch": {"comment": "a\nb"}}, "hydra.launcher.sbatch.comment=a"),
    ],
)  # fmt: skip
def test_what_a_script_could_not_say_is_refused_by_its_key(given, complaint):
    with pytest.raises(ConfigError) as error:
        options(**given)
    assert str(error.value).startswith(complaint)
