"""The list of all runs."""

import pandas as pd

from titn.records.collation import load
from titn.reporting.evidence.run_files import Fault
from titn.reporting.runs_page import runs_frame, runs_page


def test_every_run_is_listed(runs):
    runs.cell("a", 0, 30)
    runs.cell("a", 1, state="diverged")
    text = runs_page(load(runs.root))
    states = [one.strip("| ").split(" | ")[-2:] for one in text.splitlines() if "`" in one]
    assert states == [["75.00", "recorded"], ["–", "diverged"]]


def test_a_stopped_run_shows_how_many_of_its_epochs_it_has(runs):
    runs.cell("a", 0, 30, changes={"epochs": 6}, record={"stopped_after": 4})
    assert "| 4 of 6 | 0 | 75.00 | stopped early |" in runs_page(load(runs.root))


def test_the_epochs_of_an_extension_are_those_after_its_run(runs):
    runs.cell("a", 0, 30, changes={"epochs": 6, "checkpoint": "runs/other"})
    assert "| 6 more | 0 | 75.00 | recorded |" in runs_page(load(runs.root))


def test_a_seed_keeps_all_its_digits(runs):
    runs.cell("a", 1_234_567)
    # A run without a seed makes numbers with a decimal point of the others.
    runs.cell("a", 0, state="failed")
    for file in ("config.yaml", "environment.json"):
        next(runs.root.glob("*/failure.json")).with_name(file).unlink()
    assert "| 1234567 |" in runs_page(load(runs.root))


def test_a_damaged_run_is_named_with_its_reason(runs):
    cell = runs.cell("a", 0)
    path = runs.written[cell.config_hash]
    (path / "result.json").write_text('{"top1": 0.')
    text = runs_page(load(runs.root))
    assert "## Could not be read" in text
    assert f"- `{cell.config_hash}`: result.json: " in text
    assert f"| `{cell.config_hash[:12]}` | – | – | – | – | – | – | damaged |" in text


def test_other_damaged_files_are_named_there_too(runs):
    runs.cell("a", 0)
    text = runs_page(load(runs.root), [Fault("own/sweep.json", "/x/own/sweep.json", "is *cut*")])
    assert r"- `own/sweep.json`: is \*cut\*" in text


def test_runs_are_in_an_order_that_no_directory_decides(runs):
    for seed, directory in ((2, "x"), (10, "a"), (1, "m")):
        runs.cell("a", seed, directory=directory)
    assert list(runs_frame(load(runs.root)).seed) == [1, 2, 10]


def test_a_reason_does_not_say_where_files_lay(runs):
    cell = runs.cell("a", 0, state="failed")
    path = runs.written[cell.config_hash] / "failure.json"
    path.write_text(path.read_text().replace("it has failed", "no /data/my/set.parquet"))
    assert list(runs_frame(load(runs.root)).reason) == ["no set.parquet"]


def test_what_has_no_name_comes_last(runs):
    for seed, name in enumerate(("x", None, "5")):
        runs.cell("a", seed, changes={"choices": {"dataset": name, "model": "titn"}})
    named = list(runs_frame(load(runs.root)).dataset)
    assert (named[:2], pd.isna(named[2])) == (["5", "x"], True)


def test_the_list_is_a_plain_frame(runs):
    runs.cell("a", 0)
    assert type(runs_frame(load(runs.root))) is pd.DataFrame
