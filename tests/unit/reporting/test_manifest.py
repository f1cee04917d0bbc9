"""A report replaces what a report wrote, and nothing else."""

import json
import shutil

import pytest

from tests.unit.reporting.conftest import Runs
from titn.report import default_out
from titn.reporting.manifest import MANIFEST, _digest, read_manifest

pytestmark = pytest.mark.usefixtures("without_figures")

A, B = [30, 32, 31], [14, 17, 16]


@pytest.fixture
def asked(runs):
    """One question with two rows."""
    runs.ask(*runs.row("a", A), *runs.row("b", B))
    return runs


@pytest.fixture
def out(asked, report, tmp_path):
    """Where that question was reported."""
    report(asked.root, "--out", tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def other(tmp_path):
    """Another question's runs, in another directory."""
    other = Runs(tmp_path / "other")
    other.ask(*other.row("c", A), name="ablation/other", key="cd" * 32)
    return other


def test_a_file_of_somebody_else_stops_the_report_before_it_writes(asked, report, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    code, _, complaints = report(asked.root, "--out", tmp_path)
    assert code == 2
    assert complaints == (
        f"titn: --out {tmp_path}: README.md: not as titn.report wrote it, and would be replaced; "
        "name another directory, or move what is yours\n"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "runs"}
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda page: page.write_text(page.read_text() + "a note"),
        lambda page: (page.unlink(), page.mkdir()),
        lambda page: (page.unlink(), page.symlink_to("nowhere")),
        lambda page: (shutil.rmtree(page.parent), page.parent.write_text("mine")),
    ],
    ids=["edited", "a directory", "a dead link", "a file for its directory"],
)
def test_a_page_that_is_not_as_it_was_written_is_kept(asked, out, report, spoil):
    spoil(out / "ablation" / "own.md")
    code, _, complaints = report(asked.root, "--out", out)
    assert code == 2
    assert "ablation/own.md" in complaints


def test_new_records_replace_a_page_that_is_as_it_was_written(asked, out, report):
    before = (out / "ablation" / "own.md").read_text()
    asked.ask(*asked.row("c", B))
    code, _, complaints = report(asked.root, "--out", out)
    assert (code, complaints) == (0, "")
    assert (out / "ablation" / "own.md").read_text() != before


def test_a_figure_that_a_page_has_no_more_is_removed_unless_it_was_edited(asked, out, report):
    directory, manifest = out / "ablation" / "own", read_manifest(out)
    for name in ("old.svg", "old.tex", "edited.svg"):
        (directory / name).write_text("a figure")
        manifest.files[f"ablation/own/{name}"] = _digest(directory / name)
    (out / MANIFEST).write_text(manifest.model_dump_json())
    (directory / "edited.svg").write_text("mine")
    assert report(asked.root, "--out", out)[0] == 0
    kept = {path.name for path in directory.iterdir() if path.suffix in (".svg", ".tex")}
    assert kept == {"edited.svg"}


def test_line_ends_of_another_system_are_no_edit(asked, out, report):
    page = out / "ablation" / "own.md"
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))
    asked.ask(*asked.row("c", B))
    assert report(asked.root, "--out", out)[0] == 0


def test_a_page_whose_records_are_elsewhere_is_kept_and_listed(other, out, report):
    before = (out / "ablation" / "own.md").read_bytes()
    code, _, complaints = report(other.root, "--out", out)
    assert (code, complaints) == (0, "")
    assert (out / "ablation" / "own.md").read_bytes() == before
    assert "[Which one?](ablation/own.md)" in (out / "README.md").read_text()


def test_a_page_does_not_lose_the_records_of_another_place(asked, other, out, report):
    other.ask(*other.row("c", [20]))
    code, _, complaints = report(other.root, "--out", out)
    assert code == 2
    assert complaints == (
        f"titn: --out {out}: ablation/own.md: made from 6 records that these runs lack; "
        "name their directory too, or another --out, or remove the page\n"
    )
    assert report(asked.root, other.root, "--out", out)[0] == 0


def test_the_page_can_be_removed_to_have_it_anew(other, out, report):
    other.ask(*other.row("c", [20]))
    (out / "ablation" / "own.md").unlink()
    assert report(other.root, "--out", out)[0] == 0


def test_a_damaged_record_is_not_elsewhere(asked, out, report):
    path = next(asked.root.glob("*/result.json"))
    path.write_text(path.read_text()[:100])
    assert report(asked.root, "--out", out)[0] == 0


def test_a_report_that_is_older_than_manifests_is_replaced(asked, out, report):
    (out / MANIFEST).unlink()
    asked.ask(*asked.row("c", B))
    assert report(asked.root, "--out", out)[0] == 0


def test_a_report_that_was_killed_while_it_replaced_files_is_finished_by_the_next(
    asked, out, report, monkeypatch
):
    asked.ask(*asked.row("c", B))

    def kill(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("titn.reporting.manifest._move", kill)
    assert report(asked.root, "--out", out)[0] == 130
    monkeypatch.undo()
    asked.ask(*asked.row("d", B))
    assert report(asked.root, "--out", out)[0] == 0


@pytest.mark.parametrize("text", ["{", '{"files": 1}', "[]"])
def test_a_damaged_manifest_is_named(asked, out, report, text):
    (out / MANIFEST).write_text(text)
    code, _, complaints = report(asked.root, "--out", out)
    assert code == 2
    assert complaints.startswith(f"titn: --out {out}: {MANIFEST} cannot be read (it is damaged); ")


def test_the_manifest_names_every_file_and_nothing_is_left_beside_them(out):
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {*read_manifest(out).files, MANIFEST}


def test_the_manifest_has_the_records_of_each_page(asked, out):
    (page,) = json.loads((out / MANIFEST).read_text())["pages"].values()
    assert page == {"title": "Which one?", "records": sorted(asked.written)}


# Where it goes by itself


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "reports" / "records").mkdir(parents=True)
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_where_reports_has_records_of_its_own_other_runs_go_elsewhere(checkout):
    records, runs = checkout / "reports" / "records", checkout / "runs"
    assert str(default_out([runs])) == "answers"
    assert str(default_out([records])) == "reports"
    assert str(default_out([runs, records])) == "reports"


def test_a_report_goes_where_the_one_before_went_that_kept_its_records(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(default_out([tmp_path / "runs"])) == "reports"
    keep = tmp_path / "reports" / "records"
    assert str(default_out([tmp_path / "runs"], keep)) == "answers"
