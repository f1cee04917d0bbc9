"""A sweep as a user asks it: planned, run once, continued, shared, reported."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from filelock import FileLock
from harness import Done, records, run

# Cells of a second, on real digits.
TINY = [
    "dataset.image_size=8", "model.patch_size=4", "model.depth=1", "model.patch_dim=12",
    "model.outer_heads=2", "epochs=2", "batch_size=256", "device=cpu", "augment=none",
    "compile=none",
]  # fmt: skip

# A user's own question, in a directory of theirs.
QUESTION = """
# @package _global_
question:
  title: Which rate, of <two> & one that | breaks?
  asks: A question of a user.
  paper: Nothing.
  rows:
    slow: [optimizer.lr=1e-5]
    quick: [optimizer.lr=1e-2]
    broken: [optimizer.lr=1e30]
hydra: {sweeper: {params: {seed: "0,1"}}}
"""
SOUND = ["rows=[slow,quick]"]
ASK = ["--config-dir", "conf", "--multirun", "+ablation=rate"]


@pytest.fixture
def place(tmp_path) -> Path:
    (tmp_path / "conf" / "ablation").mkdir(parents=True)
    (tmp_path / "conf" / "ablation" / "rate.yaml").write_text(QUESTION)
    return tmp_path


def titn(cwd: Path, *arguments: str, command: str = "train") -> Done:
    return run(command, *arguments, cwd=cwd, timeout_secs=300)


def begin(cwd: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "titn.train", *arguments],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def beginnings(cwd: Path) -> Counter[str]:
    """How often each cell's training was begun, by its log."""
    logs = (cwd / "runs").glob("*/log.txt")
    return Counter({log.parent.name: log.read_text().count(", in runs/") for log in logs})


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(place):
    done = titn(place, *ASK, *TINY, "dry_run=true")
    assert done.code == 0
    assert done.err.count("waiting") == 6
    assert "to do: 6 of 6 cells; no past cell tells how long titn takes" in done.err
    assert not (place / "runs").exists()


def test_a_sweep_goes_on_after_a_failure_lists_it_and_is_not_run_twice(place):
    done = titn(place, *ASK, *TINY)
    assert done.code == 1
    assert len(records(place)) == 4
    first, second, end = done.complaints
    assert first.startswith("titn: broken, seed 0: the loss is nan in epoch 1")
    assert second.startswith("titn: broken, seed 1: ")
    assert end == "titn: ablation/rate: 2 cells without a record"

    again = titn(place, *ASK, *TINY)
    assert again.code == 1
    assert "nothing to do" in again.err
    log = again.complaints[0].partition("(log: ")[2].partition(";")[0]
    assert "diverged" in (place / log).read_text()
    assert set(beginnings(place).values()) == {1}

    retried = titn(place, *ASK, *TINY, "retry=failed")
    assert "to do: 2 of 6 cells" in retried.err
    assert sorted(beginnings(place).values()) == [1, 1, 1, 1, 2, 2]

    status = titn(place, command="status")
    assert "ablation/rate,broken,0,0,0,0,0,2,0" in status.out
    assert "ablation/rate,slow,2,0,0,0,0,0,0" in status.out


def test_the_first_failure_may_stop_a_sweep_which_then_goes_on(place):
    done = titn(place, *ASK, *TINY, "rows=[broken,slow]", "fail_fast=true")
    assert done.code == 1
    first, *others, end = done.complaints
    assert first.startswith("titn: broken, seed 0: the loss is nan in epoch 1")
    assert len(others) == 2
    assert all("not begun, as another has failed (fail_fast=true)" in one for one in others)
    assert end == "titn: ablation/rate: 3 cells without a record"
    assert len(records(place)) == 1

    again = titn(place, *ASK, *TINY, "rows=[broken,slow]")
    assert again.code == 1
    assert len(records(place)) == 2


def test_more_seeds_run_only_what_is_new_and_estimate_it(place):
    assert titn(place, *ASK, *TINY, *SOUND).code == 0
    done = titn(place, *ASK, *TINY, *SOUND, "seed=1,2")
    assert done.code == 0
    assert "to do: 2 of 4 cells, about " in done.err
    assert len(records(place)) == 6
    plan = json.loads((place / "runs" / "sweeps" / "rate" / "sweep.json").read_text())
    (setting,) = plan["settings"]
    assert sorted(cell["seed"] for cell in setting["cells"]) == [0, 0, 1, 1, 2, 2]
    assert len(setting["commands"]) == 2


def test_a_question_that_is_put_off_says_how_long_it_would_take(place):
    assert titn(place, *ASK, *TINY, *SOUND, "seed=0").code == 0
    # What is recorded already is not needed once more.
    more = titn(place, *ASK, *TINY, *SOUND, "seed=0,1,2", "postpone=no time")
    assert "ablation/rate is postponed: no time; 4 cells: " in more.err
    later = [*ASK, *TINY, *SOUND, "seed=1,2", "epochs=2000"]
    done = titn(place, *later, "postpone=the weekend")
    assert done.code == 0
    assert "ablation/rate is postponed: the weekend; 4 cells: " in done.err
    assert len(records(place)) == 2
    notes = place / "runs" / "sweeps" / "rate" / "postponed.json"
    _, note = json.loads(notes.read_text())["notes"]
    assert note["command"] == " ".join(["python -m titn.train", *ASK, *TINY, "'rows=[slow,quick]'",
                                        "seed=1,2", "epochs=2000"])  # fmt: skip
    # A thousand times the epochs and twice the cells of two seconds or so.
    assert note["secs"] > 200
    titn(place, "runs", command="report")
    assert "Postponed:" in (place / "reports" / "ablation" / "rate.md").read_text()


@pytest.mark.parametrize("arguments", [("--multirun", "seed=0,1"), ("seed=0",)])
def test_what_is_no_question_cannot_be_put_off(place, arguments):
    done = titn(place, *arguments, *TINY, "postpone=no")
    assert done.code == 2
    assert "titn: postpone: is for a question, whose page says it; add one" in done.err


@pytest.mark.long
def test_a_sweep_that_is_killed_goes_on_from_there(place):
    longer = [*TINY, *SOUND, "epochs=40", "batch_size=64", "checkpoint_secs=0"]
    process = begin(place, *ASK, *longer)
    until = time.monotonic() + 120
    while not list((place / "runs").glob("*/checkpoint-*.safetensors")):
        assert process.poll() is None, "the sweep ended before it was killed"
        assert time.monotonic() < until
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert "half done" in titn(place, *ASK, *longer, "dry_run=true").err
    done = titn(place, *ASK, *longer)
    assert done.code == 0, done.err
    assert done.err.count(" resumes after ") == 1
    assert len(records(place)) == 4


def test_a_damaged_cell_is_named_and_the_others_are_made(place):
    assert titn(place, *ASK, *TINY, *SOUND, "seed=0").code == 0
    damaged = records(place)[0]
    damaged.write_text("{")
    (damaged.parent / "failure.json").write_text("{")
    done = titn(place, *ASK, *TINY, *SOUND, "seed=0,1")
    assert done.code == 1
    assert any(f"damaged in runs/{damaged.parent.name}" in line for line in done.complaints)
    assert len(records(place)) == 4


@pytest.mark.long
def test_two_sweeps_at_once_share_the_work(place):
    longer = [*TINY, *SOUND, "epochs=10", "seed=0,1,2"]
    both = [begin(place, *ASK, *longer) for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(records(place)) == 6
    assert set(beginnings(place).values()) == {1}
    assert all("6 of 6 cells recorded" in text for text in said)


def test_a_sweep_need_not_wait_for_what_another_process_is_making(place):
    assert titn(place, *ASK, *TINY, *SOUND, "seed=0").code == 0
    others = records(place)[0]
    others.unlink()
    with FileLock(others.parent / ".lock"):
        done = titn(place, *ASK, *TINY, *SOUND, "seed=0,1", "busy=leave")
    assert done.code == 1
    assert "another process is making it" in done.err
    assert done.complaints[-1] == "titn: ablation/rate: 1 cell without a record"
    assert len(records(place)) == 3


def test_a_key_of_the_networks_that_are_swept_is_given_to_each(place):
    tiny = [one for one in TINY if "outer_heads" not in one]
    asked = ["--multirun", *tiny, "model=vit,deit", "model.heads=2"]
    done = titn(place, *asked)
    assert (done.code, len(records(place))) == (0, 2)
    assert "nothing to do" in titn(place, *asked).err
    wrong = titn(place, *asked, "model=vit,titn")
    assert wrong.code == 2
    assert wrong.complaints[-1].startswith("titn: model=titn: model.heads=2: did you mean")


def test_a_single_run_need_not_wait_either(place):
    assert titn(place, *TINY).code == 0
    (record,) = records(place)
    record.unlink()
    with FileLock(record.parent / ".lock"):
        done = titn(place, *TINY, "busy=leave")
    assert done.code == 1
    assert done.complaints == ["titn: another process is making this run; busy=wait waits for it"]


def test_a_directory_that_holds_another_run_is_no_cell(place):
    assert titn(place, "--multirun", *TINY, "run_dir=mine", "seed=0").code == 0
    for dry_run in ("true", "false"):
        other = titn(place, "--multirun", *TINY, "run_dir=mine", "seed=1", f"dry_run={dry_run}")
        assert other.code == 2
        assert "run_dir=" in other.complaints[0]
        assert "mine: holds another configuration" in other.complaints[0]


def test_several_cells_run_at_once_with_joblib(place):
    # The one command here that is started by Python, as its workers are.
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    process = begin(place, *ASK, *TINY, *launcher, "seed=0")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert len(records(place)) == 2
    assert err.splitlines()[-1] == "titn: ablation/rate: 1 cell without a record"


def test_bad_input_in_one_row_starts_none(place):
    file = place / "conf" / "ablation" / "rate.yaml"
    file.write_text(QUESTION.replace("optimizer.lr=1e30", "model.patch_size=3"))
    done = titn(place, *ASK, *TINY[:1], *TINY[2:])
    assert done.code == 2
    assert done.complaints == [done.err.strip()]
    assert done.err.startswith("titn: broken: model.patch_size=3: does not divide")
    assert not (place / "runs").exists()


def test_rows_choose_their_values_on_a_validation_split(place):
    file = place / "conf" / "ablation" / "rate.yaml"
    file.write_text(
        QUESTION.replace("[optimizer.lr=1e-5]", "[optimizer=adamw]")
        .replace("[optimizer.lr=1e-2]", "[optimizer=sgd]")
        .replace("    broken: [optimizer.lr=1e30]\n", "")
        .replace("  rows:", "  tune: {optimizer.lr: [1.0e+30, 1.0e-8, 1.0e-2]}\n  rows:")
    )
    refused = titn(place, *ASK, *TINY, "epochs=8", "batch_size=64", "seed=0,a")
    assert (refused.code, records(place)) == (2, [])
    assert "seed=a: should be an integer" in refused.err
    asked = titn(place, *ASK, *TINY, "epochs=8", "batch_size=64", "dry_run=true")
    assert "rate: then 4 cells of the rows, with the values that they choose" in asked.err
    done = titn(place, *ASK, *TINY, "epochs=8", "batch_size=64")
    assert done.code == 0, done.err
    (setting,) = json.loads((place / "runs/sweeps/rate/sweep.json").read_text())["settings"]
    roles = Counter(cell["role"] for cell in setting["cells"])
    assert roles == {"candidate": 6, "cell": 4}
    # A rate of 1e-8 changes nothing in eight epochs, and one of 1e30 diverges.
    chosen = {cell["row"]: cell["tuned"] for cell in setting["cells"] if cell["role"] == "cell"}
    assert chosen["slow"] == {"optimizer.lr": 0.01}
    splits = Counter(json.loads(path.read_text())["split"] for path in records(place))
    assert splits == {"validation": 4, "test": 4}


@pytest.mark.long
def test_a_report_of_a_sweep_is_written_twice_with_the_same_bytes(place):
    titn(place, *ASK, *TINY)
    first = titn(place, "--out", "first", command="report")
    second = titn(place, "runs", "--out", "second", command="report")
    assert first.code == second.code == 0, first.err
    assert first.out.startswith("6 runs, 1 question: first")
    files = [path.relative_to(place / "first") for path in (place / "first").rglob("*.*")]
    assert {".md", ".csv", ".svg"} == {path.suffix for path in files}
    for path in files:
        if path.is_file():
            assert (place / "first" / path).read_bytes() == (place / "second" / path).read_bytes()
    page = (place / "first" / "ablation" / "rate.md").read_text()
    assert "# Which rate, of \\<two\\> \\& one that \\| breaks?" in page
    assert "2 of 2 diverged" in page


def test_a_report_of_nothing_is_one_line(tmp_path):
    (tmp_path / "runs").mkdir()
    done = titn(tmp_path, command="report")
    assert (done.code, done.err) == (2, "titn: runs: holds no run; titn.train makes one\n")
    assert not (tmp_path / "reports").exists()


def test_a_row_whose_values_all_diverge_has_no_cells_and_is_named(place):
    file = place / "conf" / "ablation" / "rate.yaml"
    file.write_text(
        QUESTION.replace("    broken: [optimizer.lr=1e30]\n", "").replace(
            "  rows:", "  tune: {optimizer.lr: {slow: [1.0e+30, 1.0e+31]}}\n  rows:"
        ).replace("slow: [optimizer.lr=1e-5]", "slow: [model.pixel_dim=6]")
        .replace("quick: [optimizer.lr=1e-2]", "quick: [model.pixel_dim=12]")
    )  # fmt: skip
    done = titn(place, *ASK, *TINY)
    assert done.code == 1
    assert len(records(place)) == 2  # the other row's
    assert done.complaints[-2:] == [
        "titn: slow: no cells: of the values that it chooses from none could be trained",
        "titn: ablation/rate: 1 row without cells",
    ]


PATH = ["--multirun", "+ablate=path", "from=[]", "to=[mix=mixup,optimizer=muon]", *TINY, "seed=0"]


def test_a_path_chooses_on_validation_is_reported_and_shares_its_cells(tmp_path):
    first = titn(tmp_path, *PATH)
    assert first.code == 0
    (plan,) = (tmp_path / "runs/sweeps/path").glob("*/sweep.json")
    (setting,) = json.loads(plan.read_text())["settings"]
    roles = Counter(cell["role"] for cell in setting["cells"])
    assert roles == {"candidate": 2, "cell": 3}
    num_records = len(records(tmp_path))
    # The rows of another design are recorded but for one.
    other = titn(tmp_path, *("+ablate=add_one_in" if one == PATH[1] else one for one in PATH))
    assert other.code == 0
    assert len(records(tmp_path)) == num_records + 1
    assert titn(tmp_path, "runs", "--out", "out", command="report").code == 0
    pages = sorted((tmp_path / "out/ablate").glob("*.md"))
    assert [page.name.partition("-")[0] for page in pages] == ["add_one_in", "path"]
    assert "How the path was chosen" in pages[1].read_text()
