"""A command's threads wait for a short while, unless its user says otherwise."""

import subprocess
import sys

import pytest

from titn.system.threads import SPINS, limit_spinning


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"GOMP_SPINCOUNT": SPINS}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
    ],
)
def test_what_a_user_has_set_stays(before, after):
    limit_spinning(before)
    assert before == after


def test_a_command_decides_before_torch_is_loaded():
    code = (
        "import os, sys; from titn.system.console import run_command; "
        "run_command(lambda: print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PATH": ""})  # fmt: skip
    assert done.stdout.split() == [SPINS, "False"]
