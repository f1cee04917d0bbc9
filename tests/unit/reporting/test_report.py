"""The command: run directories -> reports/."""

import errno
import json
import os
import re
import shutil
import time
from xml.etree import ElementTree

import pytest

from titn.records.run_dir import RunDir
from titn.report import ROOM

A, B, C = [30, 32, 31], [14, 17, 16], [7, 30, 20]


@pytest.fixture
def sweeps(runs):
    """Two questions, and what can be odd about cells."""
    cells = [
        *runs.row("a", A, taught=runs.teacher()),
        *runs.row("b | *b*", B),
        runs.cell("c", 0, state="diverged"),
        runs.cell("c", 1, state="failed"),
        runs.cell("c", 2, state="missing"),
    ]
    claims = [runs.claim(["a", "b | *b*"], [0, None])]
    runs.ask(*cells, question=runs.question(["a", "b | *b*", "c"], claims=claims))
    rates = {0.1: [20, 22], 0.3: [31, 33]}
    tuned = [one for lr, rights in rates.items() for one in
             runs.row("a", rights, tuned={"optimizer.lr": lr}, classes=4)]  # fmt: skip
    runs.ask(*tuned, name="multirun", key="cd" * 32)
    return runs


def files(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


# What is written


def test_a_report_has_an_index_all_runs_and_the_pages_that_were_asked_for(sweeps, report, tmp_path):
    code, said, complaints = report(sweeps.root, "--out", tmp_path / "out")
    assert (code, complaints) == (0, "")
    assert said == f"12 runs, 2 questions: {tmp_path / 'out' / 'README.md'}\n"
    written = files(tmp_path / "out")
    pages = {name for name in written if name.endswith(".md")}
    asked = {"ablation/own.md", "multirun.md"}
    assert pages == {"README.md", "runs.md", "claims.md", *asked}
    assert {"runs.csv", "claims.csv", "report.json"} <= set(written)


@pytest.mark.usefixtures("without_figures")
def test_a_csv_is_beside_every_table(sweeps, report, tmp_path):
    report(sweeps.root, "--out", tmp_path)
    names = {path.stem.partition("-")[2].partition("-")[2]
             for path in (tmp_path / "ablation" / "own").glob("*.csv")}  # fmt: skip
    tables = ("accuracy", "claims", "learning", "classes", "protocols", "cells")
    assert names == set(tables)


# The same records, the same bytes


def test_a_second_report_changes_no_byte(sweeps, report, tmp_path):
    report(sweeps.root, "--out", tmp_path / "out")
    before = files(tmp_path / "out")
    report(sweeps.root, "--out", tmp_path / "out")
    assert files(tmp_path / "out") == before


def test_neither_place_nor_names_nor_order_of_directories_change_a_byte(sweeps, report, tmp_path):
    report(sweeps.root, "--out", tmp_path / "before")
    moved = tmp_path / "another" / "place"
    shutil.copytree(sweeps.root / "sweeps", moved / "sweeps")
    # The names sort the other way round, and some lie deeper.
    for index, path in enumerate(sorted(sweeps.written.values(), reverse=True)):
        shutil.copytree(path, moved / ("deep" if index % 2 else "") / f"{index:03}")
    report(moved / "sweeps", moved / "deep", moved, "--out", tmp_path / "after")
    assert files(tmp_path / "after") == files(tmp_path / "before")


@pytest.mark.usefixtures("without_figures")
def test_two_directories_may_be_named_in_either_order(sweeps, runs, report, tmp_path):
    second = tmp_path / "second"
    shutil.copytree(sweeps.root, second)
    # The copy was asked for more, and has another record of a cell.
    runs.ask(*runs.row("d", C), name="multirun", key="cd" * 32)
    path = next(second.glob("*/result.json"))
    content = RunDir(path.parent).result()
    RunDir(path.parent).finish(content | {"nll": 0.75})
    report(runs.root, second, "--out", tmp_path / "one")
    report(second, runs.root, "--out", tmp_path / "other")
    assert files(tmp_path / "one") == files(tmp_path / "other")


@pytest.mark.usefixtures("without_figures")
def test_a_sweep_that_two_directories_have_is_one_part_of_a_page(sweeps, report, tmp_path):
    second = tmp_path / "second"
    shutil.copytree(sweeps.root, second)
    report(sweeps.root, second, "--out", tmp_path / "out")
    text = (tmp_path / "out" / "ablation" / "own.md").read_text()
    assert "Also asked" not in text


def test_no_file_says_where_it_was_made(sweeps, report, tmp_path):
    (next(sweeps.root.glob("*/failure.json")).parent / "config.yaml").unlink()
    (next(sweeps.root.glob("*/result.json")).parent / "samples.parquet").write_bytes(b"")
    report(sweeps.root, "--out", tmp_path / "out")
    root = str(tmp_path).encode()
    assert [name for name, content in files(tmp_path / "out").items() if root in content] == []


# Bad input


@pytest.mark.usefixtures("without_figures")
def test_a_damaged_record_is_named_and_the_rest_goes_on(sweeps, report, tmp_path):
    path = next(sweeps.root.glob("*/result.json"))
    path.write_text(path.read_text()[:100])
    code, _, complaints = report(sweeps.root, "--out", tmp_path)
    assert code == 0
    (line,) = complaints.splitlines()
    assert line.startswith(f"titn: {path.parent}: cannot be read: result.json: ")
    assert path.parent.name in (tmp_path / "runs.md").read_text()
    assert (tmp_path / "ablation" / "own.md").exists()


@pytest.mark.usefixtures("without_figures")
def test_a_damaged_file_beside_a_record_is_named(sweeps, report, tmp_path):
    path = next(sweeps.root.glob("*/samples.parquet"))
    path.write_bytes(path.read_bytes()[:50])
    code, _, complaints = report(sweeps.root, "--out", tmp_path)
    assert code == 0
    assert complaints.startswith(f"titn: {path}: cannot be read: ")
    assert f"`{path.parent.name[:12]}/samples.parquet`" in (tmp_path / "runs.md").read_text()


SPOILT = {
    "cut": lambda content: json.dumps(content)[:200],
    "empty": lambda _: "",
    "a list": lambda _: "[1]",
    "no settings": lambda content: json.dumps(content | {"settings": 1}),
    "no cells": lambda content: _with(content, cells=None),
    "a cell of text": lambda content: _with(content, cells=["a"]),
    "a seed of text": lambda content: _with(content, cells=[_cell(seed="none")]),
    "an unknown key": lambda content: _with(content, more=1),
    "no rows": lambda content: _with(content, rows=[], cells=[]),
    "rows of numbers": lambda content: _with(content, rows=[[1]]),
    "half a question": lambda content: _with(content, question={"title": "Which?"}),
    "an unknown table": lambda content: _with(
        content, question=content["settings"][0]["question"] | {"printed": "table9"}
    ),
    "a name elsewhere": lambda content: json.dumps(content | {"sweep": "../../x"}),
    "a name of the root": lambda content: json.dumps(content | {"sweep": "/x"}),
    "a name that is taken": lambda content: json.dumps(content | {"sweep": "README"}),
    "a name that is taken on some disks": lambda content: json.dumps(content | {"sweep": "Runs"}),
    "a name of a file's": lambda content: json.dumps(content | {"sweep": "audit.md/x"}),
    "a name of two lines": lambda content: json.dumps(content | {"sweep": "a\n# b"}),
    "a name that is too long": lambda content: json.dumps(content | {"sweep": "x" * 300}),
    "a name of half a character": lambda content: json.dumps(content | {"sweep": "\ud800"}),
    "a table without rows of its own": lambda content: _with(
        content, question=content["settings"][0]["question"] | {"printed": "prose"}
    ),
    "a hash of markup": lambda content: _with(content, cells=[_cell(config_hash="`<b>`")]),
    "more rows than a table has": lambda content: _with(content, rows=["x"] * 2000),
    "a list in a list in a list": lambda _: '{"settings": ' + "[" * 100_000,
}


def _with(content, **changes):
    return json.dumps(content | {"settings": [content["settings"][0] | changes]})


def _cell(**changes):
    return {"row": "a", "seed": 0, "config_hash": "0" * 64, "directory": "x"} | changes


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_damaged_plan_is_named_and_the_rest_goes_on(sweeps, report, tmp_path, spoil):
    path = sweeps.root / "sweeps" / "multirun" / "sweep.json"
    path.write_text(spoil(json.loads(path.read_text())))
    code, said, complaints = report(sweeps.root, "--out", tmp_path)
    assert (code, said.partition(":")[0]) == (0, "12 runs, 1 question")
    assert complaints.startswith(f"titn: {path}: cannot be read: ")
    assert len(complaints.splitlines()) == 1
    assert "- `multirun/sweep.json`: " in (tmp_path / "runs.md").read_text()


@pytest.mark.usefixtures("without_figures")
def test_two_names_that_some_disks_take_for_one_have_one_page(sweeps, report, tmp_path):
    path = sweeps.root / "sweeps" / "multirun" / "sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sweep": "ablation/OWN"}))
    code, said, complaints = report(sweeps.root, "--out", tmp_path / "out")
    assert (code, said.partition(":")[0]) == (0, "12 runs, 1 question")
    assert "ablation/own: is ablation/OWN on a disk that does not tell them apart" in complaints


@pytest.mark.usefixtures("without_figures")
def test_damaged_times_leave_the_sweep(sweeps, report, tmp_path):
    path = sweeps.root / "sweeps" / "own" / "latency.json"
    path.write_text("{")
    code, said, complaints = report(sweeps.root, "--out", tmp_path)
    assert (code, said.partition(":")[0]) == (0, "12 runs, 2 questions")
    assert complaints.startswith(f"titn: {path}: cannot be read: ")


@pytest.mark.usefixtures("without_figures")
def test_cells_that_lie_elsewhere_are_found_by_their_plan(sweeps, report, tmp_path):
    code, said, _ = report(sweeps.root / "sweeps", "--out", tmp_path)
    assert (code, said.partition(":")[0]) == (0, "12 runs, 2 questions")


@pytest.mark.usefixtures("without_figures")
def test_cells_that_are_nowhere_are_missing(sweeps, report, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(sweeps.root / "sweeps", moved)
    kept = next(iter(sweeps.written.values()))
    shutil.copytree(kept, moved / "kept")
    code, _, _ = report(moved, "--out", tmp_path / "out")
    assert code == 0
    assert "2 of 3 missing" in (tmp_path / "out" / "ablation" / "own.md").read_text()


def test_without_runs_there_is_no_report(report, tmp_path):
    code, said, complaints = report(tmp_path, "--out", tmp_path / "out")
    assert (code, said) == (2, "")
    assert complaints == f"titn: {tmp_path}: holds no run; titn.train makes one\n"
    assert not (tmp_path / "out").exists()


def test_a_directory_that_there_is_not_is_named(report, tmp_path):
    code, _, complaints = report(tmp_path / "no")
    assert code == 2
    assert complaints.startswith(f"titn: {tmp_path / 'no'}: there is no such directory")


@pytest.mark.usefixtures("without_figures")
def test_a_report_cannot_be_written_into_a_file(sweeps, report, tmp_path):
    (tmp_path / "out").write_text("mine")
    code, _, complaints = report(sweeps.root, "--out", tmp_path / "out")
    assert code == 2
    assert complaints == f"titn: --out {tmp_path / 'out'}: cannot be made (File exists); {ROOM}\n"


@pytest.mark.usefixtures("without_figures")
def test_a_file_in_the_way_of_a_page_is_one_line(sweeps, report, tmp_path):
    (tmp_path / "ablation").write_text("mine")
    code, _, complaints = report(sweeps.root, "--out", tmp_path)
    assert code == 2
    assert len(complaints.splitlines()) == 1


HOSTILE = "<script>alert(1)</script> | `x` ![y](http://z) \x1b[31m\u202e\x00 =1+1"


def test_text_of_others_is_text_on_every_page(runs, report, tmp_path):
    """Names of classes and rows, commands, hardware: no HTML, no links, nothing that moves."""
    names = [f"{HOSTILE} {number}" for number in range(10)]
    more = {"record": {"class_names": names}, "changes": {"choices": {"dataset": HOSTILE}},
            "cpu": HOSTILE, "git_commit": HOSTILE}  # fmt: skip
    cells = [*runs.row(HOSTILE, A, **more), *runs.row(f"={HOSTILE}", B, **more)]
    runs.ask(*cells, runs.cell("c", 0, state="failed"), commands=(HOSTILE,))
    code, _, complaints = report(runs.root, "--out", tmp_path / "out")
    assert (code, complaints) == (0, "")
    for name, content in files(tmp_path / "out").items():
        text = content.decode()
        assert not set(text) & {"\x1b", "\u202e", "\x00"}, name
        if name.endswith(".svg"):
            ElementTree.fromstring(text)
        if name.endswith(".md"):
            assert not re.search(r"(?<![\\`])<script|(?<!\\)\]\(http", _without_code(text)), name
        if name.endswith(".csv"):
            assert not re.search(r'(?m)(^|,)"?=', text), name


def _without_code(text):
    return re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text.replace("\\`", ""))


@pytest.mark.usefixtures("without_figures")
def test_what_is_complained_of_cannot_move_a_cursor(sweeps, report, tmp_path):
    path = next(sweeps.root.glob("*/result.json")).parent
    moved = path.with_name("\x1b[31m\nred")
    path.rename(moved)
    (moved / "result.json").write_text("{")
    code, _, complaints = report(sweeps.root, "--out", tmp_path / "out")
    assert (code, len(complaints.splitlines())) == (0, 1)
    assert complaints.strip().isprintable()


@pytest.mark.usefixtures("without_figures")
def test_a_directory_whose_name_is_not_utf8_is_named(sweeps, report, tmp_path):
    path = next(sweeps.root.glob("*/result.json")).parent
    path.rename(path.with_name(os.fsdecode(b"caf\xe9")))
    code, said, complaints = report(sweeps.root, "--out", tmp_path / "out")
    assert (code, said.partition(":")[0]) == (0, "12 runs, 2 questions")
    assert r"caf\udce9: cannot be read: the name of the directory is not UTF-8" in complaints


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("name", ["a b", "-dash", "new\nline", "\N{FIRE}", "=1"])
def test_a_run_may_be_called_anything_else(sweeps, report, tmp_path, name):
    path = next(sweeps.root.glob("*/result.json")).parent
    path.rename(path.with_name(name))
    code, _, complaints = report(sweeps.root, "--out", tmp_path / "out", "--keep", tmp_path / "k")
    assert (code, complaints) == (0, "")


# Places


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("file", ["result.json", "samples.parquet"])
def test_a_link_out_of_a_run_is_not_followed(sweeps, report, tmp_path, file):
    path = next(sweeps.root.glob(f"*/{file}"))
    shutil.move(path, tmp_path / "private")
    path.symlink_to(tmp_path / "private")
    code, _, complaints = report(sweeps.root, "--out", tmp_path / "out", "--keep", tmp_path / "k")
    assert code == 0
    assert "is a link that leads out of its directory" in complaints
    assert not (tmp_path / "k" / path.parent.name).exists()


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize("file", ["result.json", "config.yaml", "samples.parquet", "epochs.jsonl"])
def test_what_is_no_file_is_named(sweeps, report, tmp_path, file, make):
    path = next(sweeps.root.glob("*/samples.parquet")).with_name(file)
    path.unlink()
    make(path)
    code, _, complaints = report(sweeps.root, "--out", tmp_path)
    assert code == 0
    assert f"{file}: is not a file" in complaints.replace(": cannot be read", "")


@pytest.mark.usefixtures("without_figures")
def test_a_plan_opens_no_run_of_others(sweeps, runs, report, tmp_path):
    private = type(runs)(tmp_path / "private")
    cell = private.cell("mine", 0)
    path = sweeps.root / "sweeps" / "multirun" / "sweep.json"
    content = json.loads(path.read_text())
    content["settings"][0]["cells"][0]["directory"] = str(private.written[cell.config_hash])
    path.write_text(json.dumps(content))
    code, said, complaints = report(sweeps.root, "--out", tmp_path / "out")
    assert (code, said.partition(":")[0]) == (0, "12 runs, 2 questions")
    assert complaints.startswith(f"titn: {path}: cannot be read: directory=")
    assert "leads elsewhere, to what is not that cell" in complaints
    assert f"| `{cell.config_hash[:12]}` |" not in (tmp_path / "out" / "runs.md").read_text()


@pytest.mark.usefixtures("without_figures")
def test_links_in_circles_are_no_runs(sweeps, report, tmp_path):
    (sweeps.root / "up").symlink_to(sweeps.root)
    (sweeps.root / "x").symlink_to("y")
    (sweeps.root / "y").symlink_to("x")
    code, said, complaints = report(sweeps.root, "--out", tmp_path)
    assert (code, said.partition(":")[0], complaints) == (0, "12 runs, 2 questions", "")


@pytest.mark.usefixtures("without_figures")
def test_the_directory_of_all_may_be_a_link(sweeps, report, tmp_path):
    (tmp_path / "linked").symlink_to(sweeps.root)
    code, said, complaints = report(tmp_path / "linked", "--out", tmp_path / "out")
    assert (code, said.partition(":")[0], complaints) == (0, "12 runs, 2 questions", "")


# Where nothing can be written


@pytest.mark.parametrize("option", ["--out", "--keep"])
@pytest.mark.parametrize("failure", [errno.ENOSPC, errno.EROFS])
def test_what_cannot_be_written_is_one_line_and_the_old_files_stay(
    sweeps, report, tmp_path, monkeypatch, option, failure
):
    place = tmp_path / "place"
    arguments = [sweeps.root, "--out", tmp_path / "out", option, place]
    report(*arguments)
    before = files(place)

    def full(*_):
        raise OSError(failure, os.strerror(failure))

    monkeypatch.setattr("titn.system.files.os.replace", full)
    code, said, complaints = report(*arguments)
    assert (code, said) == (2, "")
    reason = os.strerror(failure)
    assert complaints == f"titn: {option} {place}: cannot be written ({reason}); {ROOM}\n"
    assert files(place) == before


@pytest.mark.usefixtures("without_figures")
def test_records_cannot_be_kept_in_a_file(sweeps, report, tmp_path):
    (tmp_path / "k").write_text("mine")
    code, _, complaints = report(sweeps.root, "--out", tmp_path / "out", "--keep", tmp_path / "k")
    assert code == 2
    assert complaints == f"titn: --keep {tmp_path / 'k'}: cannot be made (File exists); {ROOM}\n"


@pytest.mark.usefixtures("without_figures")
def test_records_cannot_be_kept_among_themselves(sweeps, report, tmp_path):
    place = sweeps.root / "kept"
    code, _, complaints = report(sweeps.root, "--out", tmp_path / "out", "--keep", place)
    assert code == 2
    assert complaints.startswith(f"titn: --keep {place}: lies in {sweeps.root}; ")


# Speed


@pytest.fixture
def thousand(runs):
    """Ten questions of three rows with 33 seeds, and ten more runs; 360 images, 10 epochs."""
    for number in range(10):
        cells = [
            runs.cell(f"row {row}", seed, 300 + row - seed % 7, images=360,
                      curve=tuple(0.08 * epoch for epoch in range(1, 11)),
                      changes={"epochs": 10, "batch_size": 64 + number})
            for row in range(3)
            for seed in range(33)
        ]  # fmt: skip
        runs.ask(*cells, name=f"ablation/own{number}", key=f"{number:064}")
    for seed in range(10):
        runs.cell("alone", seed, 100)
    return runs


@pytest.mark.long
def test_a_thousand_records_are_reported_in_seconds(thousand, report, tmp_path):
    # 8 seconds of one core's time where nothing else runs: fails if that becomes ten times as much.
    began = time.process_time()
    code, said, _ = report(thousand.root, "--out", tmp_path / "out")
    assert (code, said.partition(":")[0]) == (0, "1000 runs, 10 questions")
    assert time.process_time() - began < 40
