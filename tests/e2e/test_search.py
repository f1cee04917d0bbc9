"""A search as a user asks for it: run, told what is recorded, refused, taken over."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import records, run

# Cells of a second, on real digits.
TINY = [
    "dataset.image_size=8", "model.patch_dim=12", "model.outer_heads=2", "model.depth=1",
    "epochs=2", "batch_size=256", "device=cpu", "augment=none", "compile=none",
]  # fmt: skip
# No rate is as high as 1e30, and no patch of 3 divides an image of 8.
SEARCH = """
# @package _global_
search:
  title: Which rate and patch?
  asks: A search of a user.
  space:
    model.patch_size: choice(2, 3, 4)
    optimizer.lr: choice(1e-5, 1e-2, 1e30)
  sampler: grid
"""
ASK = ["--config-dir", "conf", "--multirun", "+search=mine", *TINY]


@pytest.fixture
def place(tmp_path) -> Path:
    (tmp_path / "conf" / "search").mkdir(parents=True)
    (tmp_path / "conf" / "search" / "mine.yaml").write_text(SEARCH)
    return tmp_path


def ask(place: Path, *arguments: str):
    return run("train", *ASK, *arguments, cwd=place, timeout_secs=300)


def test_a_search_tells_all_outcomes_and_tells_recorded_cells_without_running_them(place):
    done = ask(place)
    assert done.code == 0, done.err
    # The patch of 3 is impossible at each rate, and the highest rate diverges with each patch.
    assert "9 trials: 4 complete, 2 diverged, 3 impossible" in done.err
    assert len(records(place)) == 4
    assert "on the validation split:" in done.err
    (best,) = [line for line in done.err.splitlines() if line.startswith("    python -m titn.tr")]
    assert "search=" not in best

    again = ask(place, "search.study=other")
    assert "9 trials: 4 complete, 2 diverged, 3 impossible" in again.err
    assert "epoch 1/2" not in again.err

    # The defaults and the best on test with a fresh seed, and the defaults on validation.
    confirm = ["search.confirm=1", "search.confirm_seeds=[7]"]
    assert "3 of 3 cells recorded" in ask(place, *confirm).err
    assert "nothing to do" in ask(place, *confirm).err
    assert "not confirmed" not in ask(place).err
    assert len(records(place)) == 7

    # The pages are made from copies of the records, without the study.
    assert run("report", "runs", "--keep", "kept", cwd=place, timeout_secs=300).code == 0
    assert run("report", "kept", "--out", "again", cwd=place, timeout_secs=300).code == 0
    page = (place / "again" / "search" / "mine.md").read_text()
    assert "4 complete, 2 diverged, 3 impossible" in page
    assert "On test, with fresh seeds, it reaches" in page
    assert page == (place / "reports" / "search" / "mine.md").read_text()
    assert "Not confirmed." in (place / "again" / "search" / "other.md").read_text()
    best = run("train", "--config-dir", "again/search", "+best=mine", "seed=7", cwd=place)
    assert "is recorded already" in best.err

    refused = ask(place, "epochs=3")
    assert refused.code == 2
    assert "a study of another setting; give this one another name" in refused.err


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("search.sampler=grid", "optimizer.lr is an interval without steps; write range(a,b,step)"),
        ("search.sampler=cmaes", "search.sampler=cmaes: takes one objective; choose search.samp"),
    ],
)
def test_a_dry_run_is_refused_what_the_search_is_refused(place, override, said):
    of_interval = SEARCH.replace("choice(1e-5, 1e-2, 1e30)", "interval(1e-5, 1e-2)")
    (place / "conf" / "search" / "mine.yaml").write_text(of_interval)
    done = ask(place, override, "search.objective=[top1,macs]", "dry_run=true")
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_trial_that_is_behind_is_pruned_and_made_in_full_for_another_search(place):
    of_rates = SEARCH.replace("    model.patch_size: choice(2, 3, 4)\n", "").replace(", 1e30", "")
    (place / "conf" / "search" / "mine.yaml").write_text(
        of_rates.replace("1e-5, 1e-2", "1e-2, 1e-9")
    )
    done = ask(place, "batch_size=32", "search.pruner=halving")
    assert done.code == 0, done.err
    assert "trial 1: pruned after epoch 1 of 2" in done.err
    assert "2 trials: 1 complete, 1 pruned" in done.err

    full = ask(place, "batch_size=32", "search.pruner=none", "search.study=full")
    assert "resumes after epoch 1" in full.err
    assert "2 trials: 2 complete" in full.err


@pytest.mark.long
def test_a_trial_that_a_killed_worker_left_is_taken_over(place):
    longer = ["epochs=40", "batch_size=64", "checkpoint_secs=0", "search.trials=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "titn.train", *ASK, *longer],
        cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not list((place / "runs").glob("*/checkpoint-*.safetensors")):
        assert process.poll() is None, "the search ended before it was killed"
        assert time.monotonic() < until
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = ask(place, *longer)
    assert done.code == 0, done.err
    assert "resumes after" in done.err
    assert "2 trials: 2 complete" in done.err
