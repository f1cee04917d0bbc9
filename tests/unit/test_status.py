"""What has become of the cells of sweeps, as a user is told."""

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from titn import status
from titn.records.live_sweeps import Watcher
from titn.records.postponed import Postponed
from titn.records.run_dir import RunDir
from titn.records.slurm_jobs import (
    QueueWatcher,
    SubmissionFile,
    TaskFile,
    write_submission,
    write_task,
)
from titn.records.sweep_dir import SweepDir
from titn.records.sweep_plan import PlannedCell, Setting

HEAD = [
    "sweep",
    "row",
    "recorded",
    "running",
    "half done",
    "waiting",
    "pruned",
    "diverged",
    "failed",
]


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def sweep(runs):
    """A sweep of two rows and three seeds, with a record, a divergence and a half-done cell."""
    cells = [cell(row, seed) for seed in range(3) for row in ("A", "B")]
    directory = plan(runs / "sweeps" / "mix", cells)
    finish(directory.run_dir(cells[0]))
    diverge(directory.run_dir(cells[1]))
    begin(directory.run_dir(cells[2]))
    return directory


def cell(row: str, seed: int, **more) -> PlannedCell:
    return PlannedCell(row, seed, f"{row}{seed}", f"../../{row}{seed}", **more)


def plan(path, cells: list[PlannedCell], key: str = "k", name: str = "ablation/mix") -> SweepDir:
    rows = list(dict.fromkeys(one.row for one in cells))
    SweepDir(path).add_setting(name, Setting(key, "d", [], [], None, False, rows, cells))
    return SweepDir(path)


def identity(directory: RunDir) -> dict[str, str]:
    return {"config_hash": directory.path.name, "source_digest": "d"}


def begin(directory: RunDir) -> None:
    directory.begin({"seed": 0, "epochs": 15}, identity(directory))
    for epoch in (1, 2):
        directory.add_epoch({"epoch": epoch})


def diverge(directory: RunDir) -> None:
    begin(directory)
    directory.fail({"kind": "diverged", "reason": "the loss is nan in epoch 3"})


def finish(directory: RunDir) -> None:
    begin(directory)
    directory.finish(identity(directory) | {"top1": 0.5, "nll": 1.0, "seed": 0, "epochs": 15})


@pytest.fixture
def told(monkeypatch, capsys):
    """Exit code, table and lines on standard error of a command line."""

    def run(*arguments) -> tuple[int, list[list[str]], list[str]]:
        monkeypatch.setattr(sys, "argv", ["titn.status", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            status.main()
        out, err = capsys.readouterr()
        return ended.value.code, list(csv.reader(io.StringIO(out))), err.splitlines()

    return run


def test_a_row_has_the_counts_of_its_cells(told, runs, sweep):
    code, table, _ = told(runs)
    assert code == 0
    assert table == [
        [*HEAD, "damaged", "stopped early"],
        ["ablation/mix", "A", "1", "0", "1", "1", "0", "0", "0", "0", "0"],
        ["ablation/mix", "B", "0", "0", "0", "2", "0", "1", "0", "0", "0"],
    ]


def test_another_run_in_the_directory_of_a_cell_is_not_the_cell(told, runs):
    (one,) = (cell("A", 0),)
    directory = plan(runs / "sweeps" / "mix", [one]).run_dir(one)
    directory.begin({"seed": 7, "epochs": 15}, {"config_hash": "another", "source_digest": "d"})
    _, table, _ = told(runs)
    assert table[1][2:6] == ["0", "0", "0", "1"]  # it waits


def test_a_teacher_that_failed_is_told_once(told, runs):
    directory = plan(runs / "sweeps" / "mix", [cell("A", seed, teacher="T0") for seed in (0, 1)])
    diverge(RunDir(runs / "T0"))
    _, table, lines = told(directory.path.parent.parent)
    assert table[1][2:6] == ["0", "0", "0", "2"]
    (line,) = lines
    assert line.startswith(
        "ablation/mix, teacher T0, seed 0: diverged, the loss is nan in epoch 3;"
    )


def test_what_is_not_as_it_should_be_is_told_with_its_log(told, runs, sweep):
    _, _, lines = told(runs)
    assert lines == [
        f"ablation/mix, B, seed 0: diverged, the loss is nan in epoch 3; {runs / 'B0' / 'log.txt'}",
        f"ablation/mix, A, seed 1: half done, 2/15 epochs; {runs / 'A1' / 'log.txt'}",
    ]


def test_each_cell_can_have_a_line(told, runs, sweep):
    _, table, lines = told(runs, "--cells")
    assert table[0] == ["sweep", "row", "seed", "state", "epochs", "directory"]
    assert table[1:5] == [
        ["ablation/mix", "A", "0", "recorded", "2/15", str(runs / "A0")],
        ["ablation/mix", "B", "0", "diverged", "2/15", str(runs / "B0")],
        ["ablation/mix", "A", "1", "half done", "2/15", str(runs / "A1")],
        ["ablation/mix", "B", "1", "waiting", "", str(runs / "B1")],
    ]
    assert (len(table), lines) == (7, [])


def test_a_terminal_gets_a_table(told, runs, sweep, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    _, table, _ = told(runs)
    assert table[1] == [
        f"ablation/mix  A    {1:8}  {0:7}  {1:9}  {1:7}  {0:6}  {0:8}  {0:6}  {0:7}  {0:13}"
    ]


def test_tuned_values_are_a_row_of_their_own(told, runs):
    tried = [cell("SGD", seed, tuned={"optimizer.lr": 0.1 * (seed + 1)}) for seed in (0, 1)]
    plan(runs / "sweeps" / "optimizer", tried)
    _, table, _ = told(runs)
    assert [row[1] for row in table[1:]] == ["SGD, optimizer.lr=0.1", "SGD, optimizer.lr=0.2"]


def test_the_trials_of_a_search_are_one_row(told, runs):
    tried = [cell("trial", seed, tuned={"optimizer.lr": 0.1 * (seed + 1)}) for seed in (0, 1)]
    plan(runs / "sweeps" / "search" / "rate", tried, name="search/rate")
    _, table, _ = told(runs)
    assert [row[:3] for row in table[1:]] == [["search/rate", "trial", "0"]]


def test_a_cell_of_two_settings_is_counted_once(told, runs, sweep):
    plan(sweep.path, [cell("A", 0), cell("A", 7)], key="other")
    _, table, _ = told(runs)
    assert table[1][2:6] == ["1", "0", "1", "2"]


def test_sweeps_of_several_directories_are_one_table(told, runs, sweep, tmp_path):
    plan(tmp_path / "more" / "sweeps" / "depth", [cell("C", 0)], name="ablation/depth")
    _, table, _ = told(runs, tmp_path / "more")
    assert [row[:2] for row in table[1:]] == [
        ["ablation/mix", "A"], ["ablation/mix", "B"], ["ablation/depth", "C"],
    ]  # fmt: skip


def test_a_sweep_can_be_named_itself(told, runs, sweep):
    assert told(sweep.path)[1] == told(runs)[1]


def test_a_sweep_that_is_named_twice_is_counted_once(told, runs, sweep):
    assert told(runs, sweep.path, runs)[1] == told(runs)[1]


def test_a_failure_is_told_with_its_reason(told, runs, sweep):
    RunDir(runs / "B1").path.mkdir()
    failed = RunDir(runs / "B1")
    failed.fail(identity(failed) | {"kind": "error", "reason": "out of memory"})
    _, table, lines = told(runs)
    assert table[2][2:9] == ["0", "0", "0", "1", "0", "1", "1"]
    assert "ablation/mix, B, seed 1: failed, out of memory; " in "\n".join(lines)


@pytest.mark.parametrize("file", ["result.json", "environment.json", "failure.json"])
def test_a_damaged_cell_is_told_and_the_others_are_counted(told, runs, sweep, file):
    (runs / "A1" / file).write_text('{"top1": 0.')
    _, table, lines = told(runs)
    assert table[1][2:] == ["1", "0", "0", "1", "0", "0", "0", "1", "0"]
    assert any(line.startswith(f"ablation/mix, A, seed 1: damaged, {file}: ") for line in lines)


@pytest.mark.parametrize("text", [None, "model: {", "hello"])
def test_a_configuration_that_cannot_be_read_costs_the_epochs_alone(told, runs, sweep, text):
    if text is None:
        (runs / "A1" / "config.yaml").unlink()
    else:
        (runs / "A1" / "config.yaml").write_text(text)
    code, table, _ = told(runs, "--cells")
    assert code == 0
    assert table[3][3:5] == ["half done", ""]


def test_a_half_done_cell_of_a_moved_tree_is_found(told, runs, sweep, tmp_path):
    before = told(runs)[1]
    shutil.move(runs, tmp_path / "moved")
    assert told(tmp_path / "moved")[1] == before


# What is refused


def test_a_directory_that_is_not_there_is_one_line(told, runs):
    code, table, lines = told(runs)
    assert (code, table) == (2, [])
    assert lines == [f"titn: {runs}: there is no such directory; name one that holds sweeps"]


def test_without_a_directory_it_is_runs(told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert told()[2] == ["titn: runs: there is no such directory; name one that holds sweeps"]


def test_a_directory_without_anything_is_one_line_with_a_remedy(told, tmp_path):
    code, table, lines = told(tmp_path)
    assert (code, table, len(lines)) == (2, [], 1)
    assert lines[0].startswith(f"titn: {tmp_path}: holds no sweep and no run; titn.train makes")


def test_without_a_sweep_its_runs_are_told(told, runs):
    taught, unnamed = RunDir(runs / ("a" * 64)), RunDir(runs / ("b" * 64))
    choices = {"model": "titn", "dataset": "digits"}
    taught.begin({"seed": 3, "epochs": 15, "choices": choices}, identity(taught))
    diverge(unnamed)
    code, table, lines = told(runs)
    assert code == 0
    assert (code, table, lines) == told(runs, str(taught.path))
    assert [row[:2] for row in table] == [
        ["sweep", "row"],
        ["no sweep", "titn on digits"],
        ["no sweep", "b" * 12],
    ]
    assert lines == [
        f"no sweep, titn on digits, seed 3: half done, 0/15 epochs; {taught.log}",
        f"no sweep, {'b' * 12}, seed 0: diverged, the loss is nan in epoch 3; {unnamed.log}",
    ]


def test_a_plan_that_cannot_be_read_is_one_line(told, runs, sweep):
    (sweep.path / "sweep.json").write_text("{")
    code, table, lines = told(runs)
    assert (code, table, len(lines)) == (2, [], 1)
    assert lines[0].startswith(f"titn: {sweep.path / 'sweep.json'}: is damaged")


def test_a_damaged_plan_is_named_and_the_others_go_on(told, runs, sweep):
    plan(runs / "sweeps" / "own", [cell("A", 7)], name="own")
    (sweep.path / "sweep.json").write_text("{")
    code, table, lines = told(runs)
    assert (code, [row[:2] for row in table[1:]]) == (0, [["own", "A"]])
    assert len(lines) == 1
    assert lines[0].startswith(f"titn: {sweep.path / 'sweep.json'}: is damaged (")


def test_a_damaged_cell_is_told_with_what_is_wrong(told, runs, sweep):
    finished = RunDir(runs / "A0")
    finished.finish(finished.result() | {"top1": "high"})
    line = told(runs)[2][0]
    said = "result.json: top1='high': should be a valid number; put back a copy, or remove it"
    assert line == f"ablation/mix, A, seed 0: damaged, {said}; {runs / 'A0'}"


def test_what_others_wrote_cannot_move_a_cursor(told, runs):
    name = "\x1b[31mred\u202e"
    one = PlannedCell(name, 0, "c0", "../../c0")
    diverge(plan(runs / "sweeps" / "mix", [one], name=name).run_dir(one))
    _, table, lines = told(runs, "--cells")
    shown = r"\x1b[31mred\u202e"
    assert table[1][:2] == [shown, shown]
    assert all(line.isprintable() for line in (*lines, *told(runs)[2]))


def test_the_lock_of_a_cell_is_not_followed(told, runs, sweep, tmp_path):
    (tmp_path / "private").write_text("secret")
    (runs / "A1" / ".lock").symlink_to(tmp_path / "private")
    assert told(runs)[1][1][2:6] == ["1", "0", "1", "1"]
    assert (tmp_path / "private").read_text() == "secret"


@pytest.mark.parametrize("file", ["result.json", "environment.json", "failure.json", "config.yaml"])
def test_a_pipe_is_not_waited_for(told, runs, sweep, file):
    (runs / "A1" / file).unlink(missing_ok=True)
    os.mkfifo(runs / "A1" / file)
    assert told(runs, "--cells")[0] == 0


def test_the_command_pipes_csv_and_needs_no_torch(runs, sweep):
    code = (
        f"import sys; sys.argv = ['titn.status', {str(runs)!r}]\n"
        "from titn import status\n"
        "try: status.main()\n"
        "finally: assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("sweep,row,recorded,running,half done,waiting,")


def test_a_question_that_is_put_off_is_told_with_its_reason(told, runs, sweep):
    note = Postponed([], ["a"], [0], reason="no time", command="titn-train x", num_cells=2)
    sweep.postpone("ablation/mix", note)
    _, _, lines = told(runs)
    assert lines[-1] == "ablation/mix is postponed: no time; 2 cells"


# What was given to Slurm


@pytest.fixture
def queued(sweep, tmp_path, monkeypatch):
    """Gives all cells of the sweep to Slurm as job 12; lines: what squeue answers."""
    names = [f"{row}{seed}" for seed in range(3) for row in ("A", "B")]
    path = sweep.path / "slurm" / "titn-mix-1"
    listed = [{"config_hash": name, "label": name} for name in names]
    cells = [{"config_hash": name} for name in names]
    content = {"name": path.name, "sweep": "ablation/mix", "submitted": 0.0, "cells": listed}
    write_submission(path, SubmissionFile.model_validate(content), cells)
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    monkeypatch.setenv("PATH", f"{bin_dir}{os.pathsep}{os.environ['PATH']}")

    def answer(*lines: str) -> Path:
        said = "".join(f"echo '{number}|titn-mix-1|{rest}'\n" for number, rest in map(_cut, lines))
        (bin_dir / "squeue").write_text(f"#!/bin/sh\n{said if lines else 'exit 1'}\n")
        (bin_dir / "squeue").chmod(0o755)
        return path

    return answer


def _cut(line: str) -> tuple[str, str]:
    number, _, rest = line.partition("|")
    return number, rest


def test_what_slurm_knows_of_cells_comes_after_their_files(told, runs, sweep, queued):
    path = queued("12_0|RUNNING|None", "12_1|COMPLETED|None", "12_2|PENDING|BeginTime",
                  "12_3|PENDING|Resources", "12_4|RUNNING|None", "12_5|COMPLETED|None")  # fmt: skip
    write_task(path, 2, TaskFile(state="preempted", job="12_2", starts=1))
    _, table, lines = told(runs)
    head = ["sweep", "row", "recorded", "running", "queued", "preempted", "half done", "waiting"]
    assert [row[:8] for row in table] == [
        head,
        ["ablation/mix", "A", "1", "1", "0", "1", "0", "0"],
        ["ablation/mix", "B", "0", "0", "1", "0", "0", "1"],  # and a divergence
    ]
    assert "ablation/mix: 1 queued as job 12 (Resources)" in lines
    assert (
        f"ablation/mix, A, seed 1: preempted, 2/15 epochs, job 12_2; {runs / 'A1'}/log.txt" in lines
    )


def test_a_slurm_that_does_not_answer_is_told_and_the_files_count(told, runs, sweep, queued):
    queued()
    code, table, lines = told(runs)
    assert code == 0
    assert table[1][:8] == ["ablation/mix", "A", "1", "0", "0", "0", "1", "1"]
    assert "squeue: ?; which cells are queued is not known" in lines


def test_a_watch_sees_what_is_queued(runs, sweep, queued):
    queued("12_2|PENDING|Resources", "12_3|RUNNING|None")
    picture = Watcher([runs], QueueWatcher()).look()
    states = {cell.name: cell.run.state for cell in picture.cells}
    assert (states["A, seed 1"], states["B, seed 1"]) == ("queued", "running")
