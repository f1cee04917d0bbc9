"""The explorer's page without a browser: what it holds, how large it is, what it answers."""

import base64
import gzip
import importlib.util
import json
import re
import shutil
from importlib.resources import files

import numpy as np
import pytest
from generated_runs import generated_contents

from titn.records.collation import load
from titn.reporting.explorer.columns import run_columns
from titn.reporting.explorer.contents import collect_contents
from titn.reporting.explorer.curves import curves, thinned
from titn.reporting.explorer.page import SCRIPTS, inlined, page
from titn.reporting.explorer.predictions import every_so_many
from titn.reporting.searches import read_searches
from titn.reporting.sweep_plans import read_plans


@pytest.fixture(autouse=True)
def without_questions(monkeypatch):
    """No page for a question that nobody asked."""
    monkeypatch.setattr("titn.reporting.write.known_questions", dict)


def contents(*roots):
    return collect_contents(load(*roots), read_plans(roots)[0], read_searches(roots)[0])


def columns(table):
    """Key -> the values of all runs."""
    return {
        column["key"]: column["values"] if "values" in column
        else [None if code < 0 else column["words"][code] for code in column["codes"]]
        for column in table["columns"]
    }  # fmt: skip


def unpacked(html, block):
    (text,) = re.findall(rf'id="{block}">([^<]*)</script>', html)
    return gzip.decompress(base64.b64decode(text))


# Contents


def test_a_run_is_its_numbers_and_its_settings(runs):
    runs.cell("a", 3, 30, changes={"batch_size": 16})
    found = {key: value for key, (value,) in columns(contents(runs.root).table).items()}
    assert found["top1"] == 0.75
    assert (found["model"], found["optimizer.lr"], found["batch_size"]) == ("titn", 0.001, 16)
    assert (found["model.distillation_token"], found["teacher"]) == ("true", "none")
    assert (found["classes"], found["seed"], found["status"]) == (10, 3, "recorded")


def test_balanced_accuracy_is_a_result_of_the_runs_that_have_it(runs):
    runs.cell("a", 3, 30)
    assert "balanced_accuracy" not in columns(contents(runs.root).table)
    runs.cell("b", 4, 30, record={"balanced_accuracy": 0.5})
    table = contents(runs.root).table
    (found,) = (one for one in table["columns"] if one["key"] == "balanced_accuracy")
    assert (found["part"], found["kind"]) == ("result", "fraction")
    assert sorted(columns(table)["balanced_accuracy"], key=str) == [0.5, None]


def test_runs_without_a_record_are_rows_too(runs):
    runs.row("a", [30, 31])
    runs.cell("b", 0, state="diverged")
    found = columns(contents(runs.root).table)
    assert sorted(found["status"]) == ["diverged", "recorded", "recorded"]
    assert found["top1"][found["status"].index("diverged")] is None


def test_a_run_knows_the_questions_that_it_is_a_cell_of(runs):
    cells = runs.row("a", [30])
    runs.ask(*cells)
    runs.ask(*cells, name="ablation/other", key="cd" * 32)
    (found,) = columns(contents(runs.root).table)["question"]
    assert found == ["ablation/other: a", "ablation/own: a"]


def test_a_run_knows_the_trials_of_searches_that_it_is(runs):
    cell = runs.cell("trial", 0)
    runs.cell("of no search", 1)
    asked = {"title": "Rate?", "asks": "The best.", "space": {"lr": "interval(0,1)"}, "trials": 2}
    trial = {"number": 7, "outcome": "complete", "chosen": {"lr": 0.5}, "values": [0.5]}
    place = runs.root / "sweeps" / "rate"
    place.mkdir(parents=True)
    content = {
        "study": "rate", "search": asked, "seed": 0, "command": "titn train", "best": [],
        "domains": {"lr": {"low": 0.0, "high": 1.0}},
        "trials": [trial | {"config_hash": cell.config_hash}],
    }  # fmt: skip
    (place / "trials.json").write_text(json.dumps(content))
    found = columns(contents(runs.root).table)
    assert dict(zip(found["seed"], found["question"], strict=True)) == {
        0: ["search/rate: trial 7"], 1: None,
    }  # fmt: skip


def test_a_run_of_other_code_is_no_cell_of_the_question(runs):
    runs.ask(*runs.row("a", [30]))
    runs.row("a", [31], digest="ee" * 32, directory="earlier")
    found = columns(contents(runs.root).table)
    assert sorted(zip(found["top1"], found["question"], strict=True)) == [
        (0.75, ["ablation/own: a"]), (0.775, None),
    ]  # fmt: skip


def test_runs_with_one_hash_have_names_of_their_own(runs):
    runs.cell("a", 0, directory="one")
    runs.cell("a", 0, 31, directory="two")
    first, second = columns(contents(runs.root).table)["id"]
    assert second == f"{first}-2"


def test_a_column_writes_each_word_once():
    (column,) = run_columns([{"loss": word} for word in ("hard", "soft", "hard", "hard")])
    assert (column["words"], column["codes"]) == (["hard", "soft"], [0, 1, 0, 0])


def test_predictions_come_back_from_their_bytes(runs):
    runs.cell("a", 1, 30, images=40, classes=4)
    found = contents(runs.root)
    (one,) = found.table["sets"]
    shifts = np.frombuffer(found.predictions, np.uint8, offset=one["offset"])
    said = (np.array(one["labels"]) + shifts) % 4
    # 30 of 40 are right, all but ten that begin three images later for the seed 1.
    right = np.roll(np.arange(40) < 30, 3)
    assert said.tolist() == np.where(right, np.arange(40) % 4, (np.arange(40) + 1) % 4).tolist()
    assert one["support"] == [10, 10, 10, 10]
    assert sum(one["hits"][0]) == 30


def test_runs_on_other_images_are_another_set(runs):
    runs.row("a", [30, 31], images=40)
    runs.cell("b", 0, 30, images=50)
    sets = contents(runs.root).table["sets"]
    assert sorted(len(one["runs"]) for one in sets) == [1, 2]


def test_runs_on_images_with_the_same_labels_are_another_set(runs):
    """Two folders of one's own: their classes and counts may agree, and their images not."""
    for number, digest in enumerate(("aa" * 32, "bb" * 32)):
        runs.cell(f"row {number}", 0, 30, record={"data_digest": digest})
    table = contents(runs.root).table
    assert [one["runs"] for one in table["sets"]] in ([[0], [1]], [[1], [0]])
    assert sorted(columns(table)["images"]) == ["aaaaaaaa", "bbbbbbbb"]


def test_a_file_that_cannot_be_read_is_named_and_its_run_stays(runs):
    runs.cell("a", 0)
    (path,) = runs.written.values()
    (path / "samples.parquet").write_bytes(b"nothing")
    found = contents(runs.root)
    assert [fault.path for fault in found.faults] == [f"{path}/samples.parquet"]
    assert columns(found.table)["top1"] == [0.75]
    assert found.table["sets"] == []


def test_thinned_images_are_of_all_classes():
    labels = np.arange(40) % 4  # every second image would be of two classes
    assert np.bincount(labels[every_so_many(labels, 5)]).tolist() == [2, 2, 2, 2]


def test_a_thinned_curve_ends_with_the_last_epoch():
    epochs = [{"epoch": number} for number in range(1, 11)]
    assert [row["epoch"] for row in thinned(epochs, 4)] == [1, 4, 7, 10]


def test_curves_have_a_place_for_each_epoch():
    found = curves([[{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": 0.2, "top1": 0.51237}], []])
    assert (found["epochs"], found["of"]) == ([[1, 2]], [0, -1])
    assert found["values"] == {"top1": [[None, 0.5124], None], "lr": [[0.1, 0.2], None]}


# The page


def test_names_of_others_are_no_markup(runs):
    name = "</script><b onclick='x'>"
    names = [name, *(f"class {index}" for index in range(9))]
    runs.cell("a", 0, 30, record={"class_names": names})
    html = page(contents(runs.root))
    assert name not in html
    assert json.loads(unpacked(html, "table-data"))["sets"][0]["classes"] == names


def test_a_script_cannot_end_its_element():
    assert inlined("a = '</script>' + '<!--'") == "a = '<\\/script>' + '<\\!--'"


def test_the_page_names_no_place_of_the_machine(runs):
    changes = {"dataset": {"_target_": "titn.data.sources.published", "root": "/mnt/own/data"},
               "checkpoint": "/mnt/own/weights.safetensors"}  # fmt: skip
    runs.cell("a", 0, changes=changes)
    html = page(contents(runs.root))
    table = unpacked(html, "table-data").decode()
    assert "/mnt/own" not in html + table
    assert str(runs.root) not in html + table
    assert "weights.safetensors" in table


def test_the_same_records_give_the_same_bytes_wherever_they_lie(runs, tmp_path):
    runs.ask(*runs.row("a", [30, 31]), *runs.row("b", [20, 22]), runs.cell("c", 0, state="failed"))
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(runs.root, elsewhere)
    names = sorted(runs.written)
    for old, new in zip(names, reversed(names), strict=True):  # another order on the disk
        (elsewhere / old).rename(elsewhere / f"{new[:3]}-{old}")
    assert page(contents(runs.root)) == page(contents(elsewhere))


def test_the_library_comes_with_its_licence(runs):
    runs.cell("a", 0)
    html = page(contents(runs.root))
    assert "Copyright (c) Anaconda, Inc., and Bokeh Contributors" in html
    assert "Redistributions in binary form must reproduce" in html


def test_our_scripts_make_no_markup_and_ask_no_network():
    place = files("titn.reporting.explorer")
    names = {file.name for file in place.iterdir() if file.name.endswith(".js")}
    assert names == {f"{name}.js" for name in SCRIPTS}
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|fetch\(|XMLHttp|import\("
    for name in names:
        assert re.findall(forbidden, place.joinpath(name).read_text()) == []


@pytest.mark.long
def test_a_thousand_runs_take_less_than_five_megabytes():
    html = page(generated_contents(1000, images=10_000, classes=100, epochs=300))
    assert len(html.encode()) < 5_000_000


# The command


@pytest.mark.usefixtures("without_figures")
def test_the_page_is_written_beside_the_report_or_where_it_is_asked_for(runs, report, tmp_path):
    runs.cell("a", 0)
    out, file = tmp_path / "out", tmp_path / "new" / "page.html"
    code, said, complaints = report(runs.root, "--out", out, "--html")
    assert (code, complaints) == (0, "")
    assert said.endswith(f"all runs, for a browser: {out / 'explorer.html'}\n")
    report(runs.root, "--out", out, "--html", file)
    assert (out / "explorer.html").read_bytes() == file.read_bytes()


@pytest.mark.usefixtures("without_figures")
def test_the_page_does_not_replace_what_is_no_explorer(runs, report, tmp_path):
    runs.ask(*runs.row("a", [30, 31]))
    (tmp_path / "index.html").write_text("mine")
    code, _, complaint = report(
        runs.root, "--out", tmp_path / "out", "--html", tmp_path / "index.html"
    )
    assert (code, (tmp_path / "index.html").read_text()) == (2, "mine")
    assert complaint == (
        f"titn: --html {tmp_path / 'index.html'}: was not written by titn.report; "
        "name another file\n"
    )


def test_a_page_has_a_pages_name(runs, report, tmp_path):
    """A file of the report itself would be replaced, or a manifest that nobody can read."""
    runs.cell("a", 0)
    code, _, complaint = report(runs.root, "--out", tmp_path, "--html", tmp_path / "report.json")
    assert (code, complaint.endswith("report.json: should end in .html; name it so\n")) == (2, True)


def test_a_directory_of_runs_after_the_option_is_not_taken_for_the_file(runs, report, tmp_path):
    runs.cell("a", 0)
    code, _, complaint = report("--out", tmp_path / "out", "--html", runs.root)
    assert code == 2
    assert f"--html {runs.root}: is a directory; write it before --html" in complaint


def test_without_the_extra_a_line_says_what_to_install(runs, report, tmp_path, monkeypatch):
    runs.cell("a", 0)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "bokeh" else find(name)
    )
    code, _, complaint = report(runs.root, "--out", tmp_path / "out", "--html")
    assert code == 2
    assert "--html: bokeh not installed; pip install titn[html]" in complaint
    assert not (tmp_path / "out").exists()
