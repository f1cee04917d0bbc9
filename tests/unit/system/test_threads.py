"""A command's threads wait for as long as it pays, unless its user says otherwise."""

import subprocess
import sys

import pytest

from titn.system.threads import SPINS_ALONE, SPINS_BESIDE_OTHERS, limit_spinning


@pytest.mark.parametrize(
    ("before", "loads", "after"),
    [
        ({}, "0.51 0.34 0.20 1/216 4321", {"GOMP_SPINCOUNT": SPINS_ALONE}),
        ({}, "0.00 0.00 0.00 2/216 4321", {"GOMP_SPINCOUNT": SPINS_BESIDE_OTHERS}),
        ({}, None, {"GOMP_SPINCOUNT": SPINS_ALONE}),
        ({}, "of another form", {"GOMP_SPINCOUNT": SPINS_ALONE}),
        ({"OMP_WAIT_POLICY": "active"}, "0 0 0 2/216 4321", {"OMP_WAIT_POLICY": "active"}),
        ({"GOMP_SPINCOUNT": "7"}, "0 0 0 2/216 4321", {"GOMP_SPINCOUNT": "7"}),
        ({"OMP_NUM_THREADS": "1"}, "0 0 0 2/216 4321", {"OMP_NUM_THREADS": "1"}),
    ],
    ids=[
        "alone",
        "beside another",
        "no such file",
        "another form",
        "policy set",
        "spins set",
        "one thread",
    ],
)
def test_threads_wait_longer_alone_and_as_the_user_says(tmp_path, before, loads, after):
    if loads is not None:
        (tmp_path / "loadavg").write_text(loads)
    limit_spinning(before, tmp_path)
    assert before == after


@pytest.mark.parametrize(
    ("process", "after"),
    [
        ("9 (kworker/u8:0-flush (x)) R 2 0 0 0 -1 69238880 0 0", SPINS_ALONE),
        ("9 (kworker/u8:0-flush (x)) I 2 0 0 0 -1 69238880 0 0", SPINS_BESIDE_OTHERS),
        ("9 (python) R 1 9 9 0 -1 4194304 0 0", SPINS_BESIDE_OTHERS),
        ("9 (cut", SPINS_BESIDE_OTHERS),
    ],
    ids=["kernel", "idle kernel", "another", "ended"],
)
def test_the_kernels_own_threads_are_no_other_work(tmp_path, process, after):
    """As after an installation, whose files the kernel writes out as the first command begins."""
    (tmp_path / "loadavg").write_text("0.00 0.00 0.00 2/216 4321")
    (tmp_path / "9").mkdir()
    (tmp_path / "9" / "stat").write_text(process)
    environment: dict[str, str] = {}
    limit_spinning(environment, tmp_path)
    assert environment == {"GOMP_SPINCOUNT": after}


def test_on_a_machine_of_many_threads_nothing_is_looked_at(tmp_path):
    """To read what thousands of them do would take longer than it is worth."""
    (tmp_path / "loadavg").write_text("0.00 0.00 0.00 2/5000 4321")
    (tmp_path / "9").mkdir()
    (tmp_path / "9" / "stat").write_text("9 (kworker) R 2 0 0 0 -1 69238880 0 0")
    environment: dict[str, str] = {}
    limit_spinning(environment, tmp_path)
    assert environment == {"GOMP_SPINCOUNT": SPINS_BESIDE_OTHERS}


def test_a_command_decides_before_torch_is_loaded():
    code = (
        "import os, sys; from titn.system.console import run_command; "
        "run_command(lambda: print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PATH": ""})  # fmt: skip
    spins, torch_loaded = done.stdout.split()
    assert spins in (SPINS_ALONE, SPINS_BESIDE_OTHERS)
    assert torch_loaded == "False"
