"""What a watch shows, of run directories as training leaves them, on a clock of its own."""

import io
import json
import os
import sys

import pytest
from filelock import FileLock

from titn import status
from titn.records.live_runs import Learned, LiveRun, RunReader
from titn.records.live_sweeps import LiveCell, Picture, Watcher
from titn.records.run_dir import RunDir
from titn.records.sweep_dir import SweepDir
from titn.records.sweep_plan import PlannedCell, Setting
from titn.sweeps.live_view import ASCII, UNICODE, cut, frame, sparkline, text_width
from titn.sweeps.time_left import TimeLeft, run_secs_left
from titn.sweeps.watch import Clock, watch

START = 1_800_000_000.0
IDENTITY = {"config_hash": "h", "source_digest": "d", "device": "cpu"}
CONFIG = {
    "seed": 0, "epochs": 4, "choices": {"model": "titn", "dataset": "digits"},
    "dataset": {"image_size": 32},
}  # fmt: skip


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr("titn.system.files.os.fsync", lambda _: None)
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def cell(row: str, seed: int = 0, **more) -> PlannedCell:
    return PlannedCell(row, seed, f"{row}{seed}", f"../../{row}{seed}", **more)


def plan(runs, *cells: PlannedCell, name: str = "mix") -> SweepDir:
    rows = list(dict.fromkeys(one.row for one in cells))
    directory = SweepDir(runs / "sweeps" / name)
    setting = Setting("k", "d", [], [], None, False, rows, list(cells))
    directory.add_setting(f"ablation/{name}", setting)
    return directory


def begin(path, num_epochs: int = 0) -> RunDir:
    """Ten seconds and a hundred images an epoch; the last one ended at START."""
    run = RunDir(path)
    (path / "epochs.jsonl").unlink(missing_ok=True)
    run.begin(CONFIG, IDENTITY)
    for epoch in range(1, num_epochs + 1):
        learned = {"top1": epoch / 10, "train_secs": 10.0 * epoch, "images_seen": 100 * epoch}
        run.add_epoch({"epoch": epoch, **learned})
    if num_epochs:
        os.utime(path / "epochs.jsonl", (START, START))
    return run


def finish(path) -> None:
    record = {"top1": 0.4, "nll": 1.0, "seed": 0, "epochs": 4, "wall_secs": 48.0, "num_train": 100}
    begin(path, 4).finish(IDENTITY | record)


def fail(path, kind: str = "diverged") -> None:
    begin(path, 1).fail({"kind": kind, "reason": "the loss is nan in epoch 2"})


def held(path) -> FileLock:
    path.mkdir(exist_ok=True)
    lock = FileLock(path / ".lock", is_singleton=False)
    lock.acquire()
    return lock


class Steps:
    """A clock on which a step happens in each pause."""

    def __init__(self, *steps):
        self.steps, self.secs = list(steps), START

    def now(self) -> float:
        return self.secs

    def sleep(self, secs: float) -> None:
        self.secs += secs
        self.steps.pop(0)()


def watched(runs, *steps, is_terminal: bool = False) -> int:
    clock = Steps(*steps)
    return watch([runs], 5.0, is_terminal, Clock(clock.now, clock.sleep))


def lines(capsys) -> list[str]:
    """Without the times."""
    return [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]


def test_it_ends_when_all_cells_are_recorded(runs, capsys):
    plan(runs, cell("A"), cell("B"))
    finish(runs / "A0")
    assert watched(runs, lambda: finish(runs / "B0")) == 0
    assert lines(capsys) == [
        "ablation/mix: 1 of 2 done, 1 waiting",
        "1 open, nothing is running now; about 48 s of work, one after another",
        "ablation/mix, B, seed 0: recorded, top-1 40.00% (2 of 2 ended; nothing left to do)",
    ]


def test_a_sweep_that_may_plan_more_is_waited_for(runs, capsys):
    """For half a minute: a row that chooses its values plans its cells when all are tried."""
    plan(runs, cell("A", role="candidate"))
    finish(runs / "A0")
    pause = [lambda: None] * 5
    code = watched(
        runs, *pause, lambda: plan(runs, cell("B")), lambda: finish(runs / "B0"), *pause, *pause
    )
    assert code == 0
    assert lines(capsys)[-1].endswith("(2 of 2 ended; nothing left to do)")


@pytest.mark.parametrize("kind", ["diverged", "failed"])
def test_it_ends_with_1_if_a_cell_failed(runs, capsys, kind):
    plan(runs, cell("A"))
    fail(runs / "A0", kind)
    assert watched(runs) == 1
    assert lines(capsys)[-1] == (
        f"ablation/mix, A, seed 0: {kind}, the loss is nan in epoch 2; {runs / 'A0'}"
    )


def test_it_ends_with_1_if_the_teacher_of_all_that_waits_failed(runs, capsys):
    plan(runs, cell("A", teacher="t"), cell("B", teacher="t"))
    fail(runs / "t")
    assert watched(runs) == 1
    assert lines(capsys)[-1] == (
        f"titn on digits, seed 0 (t): diverged, the loss is nan in epoch 2; {runs / 't'}"
    )


def test_an_epoch_is_a_change_and_a_pause_is_none(runs, capsys):
    plan(runs, cell("A"))
    lock = held(runs / "A0")
    begin(runs / "A0", 1)
    code = watched(runs, lambda: None, lambda: begin(runs / "A0", 2), lambda: finish(runs / "A0"))
    lock.release()
    told = [line for line in lines(capsys) if line.startswith("ablation/mix, A")]
    assert (code, [line.partition(" (")[0] for line in told]) == (0, [
        "ablation/mix, A, seed 0: epoch 1/4, 10 img/s, 30 s left, top-1 10.00%",
        "ablation/mix, A, seed 0: epoch 2/4, 10 img/s, 10 s left, top-1 20.00%",
        "ablation/mix, A, seed 0: recorded, top-1 40.00%",
    ])  # fmt: skip


def test_a_sweep_may_begin_while_it_watches(runs, capsys):
    def ask():
        plan(runs, cell("A"))
        finish(runs / "A0")

    assert watched(runs, lambda: None, ask) == 0
    assert lines(capsys) == [
        "no sweep and no run yet",
        "ablation/mix: 1 of 1 done",
        "ablation/mix, A, seed 0: recorded, top-1 40.00% (1 of 1 ended; nothing left to do)",
    ]


def test_cells_that_a_new_plan_lets_wait_are_no_news(runs, capsys):
    def end():
        finish(runs / "A0")
        finish(runs / "A1")

    watched(runs, lambda: plan(runs, cell("A"), cell("A", 1)), end)
    assert lines(capsys)[1] == "ablation/mix: 0 of 2 done, 2 waiting"
    assert not any(line.partition(" (")[0].endswith(": waiting") for line in lines(capsys))


def test_runs_without_a_plan_are_watched_until_they_end(runs, capsys):
    lock = held(runs / "A0")
    begin(runs / "A0", 1)

    def end():
        finish(runs / "A0")
        lock.release()

    assert watched(runs, end) == 0
    assert lines(capsys)[-1].startswith("titn on digits, seed 0 (A0): recorded, top-1 40.00%")


def test_finished_runs_without_a_plan_are_not_waited_for(runs, capsys):
    finish(runs / "A0")
    assert watched(runs) == 0
    assert lines(capsys)[0] == "runs: 1 of 1 done"


def test_a_damaged_record_has_ended_and_is_named(runs, capsys):
    plan(runs, cell("A"))
    finish(runs / "A0")
    (runs / "A0" / "result.json").write_text("{")
    assert watched(runs) == 1
    assert "damaged, result.json: " in lines(capsys)[-1]


def test_a_damaged_plan_is_named_and_may_come_back(runs, capsys):
    directory = plan(runs, cell("A"))
    finish(runs / "A0")
    text = (directory.path / "sweep.json").read_text()
    (directory.path / "sweep.json").write_text("{")
    assert watched(runs, lambda: (directory.path / "sweep.json").write_text(text)) == 0
    assert any("sweep.json: is damaged" in line for line in lines(capsys))


def test_a_teacher_that_is_being_made_is_shown_and_not_counted(runs):
    sweep = plan(runs, cell("A", teacher="t"))
    lock = held(runs / "t")
    begin(runs / "t", 1)
    picture = Watcher([sweep.path]).look()
    lock.release()
    assert [one.name for one in picture.others] == ["titn on digits, seed 0 (t)"]
    assert len(picture.cells) == 1


def test_only_what_has_changed_is_read_again(runs, monkeypatch):
    plan(runs, cell("A"), cell("B"))
    finish(runs / "A0")
    begin(runs / "B0", 1)
    read = []
    monkeypatch.setattr(
        "titn.records.live_runs.read_run_files", _noted(read, "titn.records.live_runs")
    )
    watcher = Watcher([runs])
    watcher.look()
    watcher.look()
    assert sorted(path.name for path in read) == ["A0", "B0"]
    finish(runs / "B0")
    watcher.look()
    assert [path.name for path in read[2:]] == ["B0"]


def _noted(read, module):
    from titn.records.run_files import read_run_files

    def noted(path):
        read.append(path)
        return read_run_files(path)

    return noted


def test_lines_that_are_no_epochs_are_left_out(runs):
    begin(runs / "A0", 1)
    rows = ['{"top1": 7}', "[]", "{", '{"top1": 0.5, "train_secs": "x"}', '{"top1": 0.9}']
    (runs / "A0" / "epochs.jsonl").write_text("\n".join(rows))
    learned = RunReader().read(runs / "A0").learned
    assert (learned.num_epochs, learned.top1, learned.secs) == (4, (0.5,), 0.0)


# Estimates


def live(done: int, state: str = "running", total: int = 4, name: str = "A, seed 0") -> LiveCell:
    top1 = tuple((epoch + 1) / 10 for epoch in range(done))
    learned = Learned(done, top1, 10.0 * done, 100 * done, START)
    run = LiveRun(RunDir(f"/{name}").path, state, None, {"epochs": total}, learned, "it broke")
    return LiveCell("ablation/mix", "A", name, run)


@pytest.mark.parametrize(("passed", "left"), [(0, 20.0), (4, 16.0), (99, 10.0)])
def test_time_left_of_a_run_counts_what_has_passed_of_its_epoch(passed, left):
    assert run_secs_left(live(2).run, START + passed) == left


def test_before_its_first_epoch_nothing_tells():
    assert run_secs_left(live(0).run, START) is None


def test_waiting_seeds_take_what_the_recorded_one_took(runs):
    plan(runs, cell("A"), cell("A", 1), cell("A", 2))
    finish(runs / "A0")
    assert TimeLeft().secs(Watcher([runs]).look(), START) == pytest.approx(96.0)


def test_a_row_without_a_past_is_as_long_as_the_others(runs):
    plan(runs, cell("A"), cell("B"))
    finish(runs / "A0")
    assert TimeLeft().secs(Watcher([runs]).look(), START) == pytest.approx(48.0)


def test_with_nothing_to_go_by_there_is_no_estimate(runs):
    plan(runs, cell("A"))
    assert TimeLeft().secs(Watcher([runs]).look(), START) is None


# The screen


def test_a_wide_screen():
    picture = Picture([live(2), live(4, "recorded", name="A, seed 1"),
                       live(1, "failed", name="A, seed 2")], has_plan=True)  # fmt: skip
    assert frame(picture, 20.0, START, (100, 20), UNICODE) == [
        "ablation/mix ████████████████████░░░░░░░░░░ 1 of 3 done, 1 running, 1 failed",
        "about 20 s left, 1 at once",
        "",
        "running",
        f"  {'ablation/mix, A, seed 0':38} {'epoch 2/4':13} {'10 img/s':>11} "
        f"{'20 s left':>15} {'▁█':>10}  20.0%",
        "",
        "not as it should be",
        "ablation/mix, A, seed 2: failed, it broke; /A, seed 2",
    ]


def test_a_narrow_screen_has_two_lines_for_a_running_cell():
    shown = frame(Picture([live(2)], has_plan=True), None, START, (59, 20), ASCII)
    assert shown == [
        "ablation/mix ....................... 0 of 1 done, 1 running",
        "time left not known yet, 1 at once",
        "",
        "running",
        "  ablation/mix, A, seed 0",
        "    epoch 2/4  10 img/s  20 s left  _^  20.0%",
    ]


@pytest.mark.parametrize("size", [(20, 4), (59, 10), (60, 24), (100, 12), (200, 60)])
def test_nothing_is_wider_or_longer_than_the_screen(size):
    cells = [live(2, state, name=f"{state} 漢字 {'x' * 50} {i}")
             for state in ("running", "failed", "damaged", "waiting")
             for i in range(30)]  # fmt: skip
    shown = frame(Picture(cells, has_plan=True, problems=["p" * 300]), 9e4, START, size, UNICODE)
    assert len(shown) <= size[1]
    assert max(map(text_width, shown)) <= size[0]


def test_what_does_not_fit_is_counted():
    cells = [live(2, name=f"{i}") for i in range(10)]
    shown = frame(Picture(cells, has_plan=True), 60.0, START, (100, 8), UNICODE)
    assert shown[-1] == "  and 7 more"


def test_a_curve_goes_from_its_lowest_to_its_highest_value():
    assert sparkline([0.1, 0.5, 0.9], 10, "_-^") == "_-^"
    assert sparkline([0.3, 0.3], 10, "_-^") == "__"
    assert sparkline([0, 9, 1, 9, 2, 9, 3, 9], 4, "_-^") == "^^^^"


def test_wide_letters_take_two_columns():
    assert cut("漢字漢字", 5, "…") == "漢字…"


def test_a_name_cannot_move_the_cursor():
    (_, *_, line) = frame(Picture([live(0, name="\x1b[2J")]), None, START, (100, 9), UNICODE)
    assert "\x1b" not in line


def test_a_terminal_gets_its_screen_back_with_the_last_picture_on_it(runs, capsys, monkeypatch):
    plan(runs, cell("A"))
    finish(runs / "A0")
    monkeypatch.setenv("COLUMNS", "80")
    assert watched(runs, is_terminal=True) == 0
    out = capsys.readouterr().out
    assert out.startswith("\x1b[?1049h\x1b[?25l\x1b[Hablation/mix ")
    assert out.partition("\x1b[?25h\x1b[?1049l")[2].splitlines()[-1] == "nothing left to do"


def test_ctrl_c_is_130_and_gives_the_screen_back(runs, monkeypatch):
    plan(runs, cell("A"))

    def interrupt():
        raise KeyboardInterrupt

    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(KeyboardInterrupt):
        watched(runs, interrupt, is_terminal=True)
    assert "\x1b[?25h\x1b[?1049l" in out.getvalue()


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "x", "4000"])
def test_an_interval_is_a_number_of_seconds(interval, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["titn.status", "--watch", "--interval", interval])
    with pytest.raises(SystemExit) as ended:
        status.main()
    assert ended.value.code == 2
    assert "--interval" in capsys.readouterr().err


def test_a_directory_that_does_not_exist_is_bad_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["titn.status", "--watch", "/nowhere"])
    with pytest.raises(SystemExit) as ended:
        status.main()
    assert ended.value.code == 2


def test_json_of_a_running_cell_may_be_half_written(runs):
    run = begin(runs / "A0", 1)
    with open(run.path / "epochs.jsonl", "a") as file:
        file.write(json.dumps({"epoch": 2, "top1": 0.2})[:9])
    assert RunReader().read(runs / "A0").learned.top1 == (0.1,)
