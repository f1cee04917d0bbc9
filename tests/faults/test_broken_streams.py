"""Runs and sweeps whose output cannot be printed: recorded like any other."""

import os
import sys

from harness import TINY, records, run


def closed():
    os.close(2)
    sys.stderr = None


def unread():
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 2)


def test_a_run_is_recorded_whatever_standard_error_is(tmp_path):
    done = run("train", *TINY, cwd=tmp_path, before=closed)
    assert (done.code, len(records(tmp_path))) == (0, 1)


def test_cells_of_workers_are_recorded_whatever_standard_error_is(tmp_path):
    workers = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = run("train", "--multirun", *workers, *TINY, "seed=0,1", cwd=tmp_path, before=unread)
    assert (done.code, len(records(tmp_path))) == (0, 2)
