"""What runs on a node of Ray, in this process."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from titn.sweeps.launch import Outcome
from titn.sweeps.ray import job as jobs
from titn.sweeps.ray.job import Job, Trial, run_job
from titn.sweeps.search import pruning
from titn.sweeps.worker import ToldCell

TOLD = ToldCell(label="A, seed 0", sweep="ablation/mix", round=1)


def job(tmp_path: Path, told=TOLD, here=None, folder=None, **more) -> Job:
    kept = {"run": {"epochs": 7}, "prefix": "", "identity": {}, "wait": False}
    return Job(told=told, here=here or tmp_path, folder=folder or tmp_path, **kept | more)


@pytest.mark.parametrize("place", ["here", "folder"])
def test_a_node_that_does_not_see_the_disk_says_so_and_names_itself(tmp_path, monkeypatch, place):
    monkeypatch.setattr(jobs.socket, "gethostname", lambda: "node7")
    before, lost = os.getcwd(), tmp_path / "nothing"
    outcome = run_job(job(tmp_path, **{place: lost}))
    assert outcome.bad_input
    assert outcome.reason is not None
    assert outcome.reason.startswith(f"{lost}: is not there on node7; runs_dir=DIR should be on a ")
    assert os.getcwd() == before


def test_a_cell_that_is_not_to_begin_goes_to_no_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "stopped").touch()
    told = ToldCell(label="A", sweep=None, round=1, stop_file=tmp_path / "stopped")
    outcome = run_job(job(tmp_path, told=told))
    assert outcome == Outcome(reason="not begun, as another has failed (fail_fast=true)")


def test_a_trial_is_told_to_its_study(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(pruning, "reports_of", lambda *given: told.append(given))
    search = SimpleNamespace()
    jobs._prunes(job(tmp_path, trial=Trial("rate", search, 3)))
    assert told == [(tmp_path, "rate", search, 3, 7)]
