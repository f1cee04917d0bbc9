"""reports/ is what titn.report makes of reports/records/, and nothing else."""

import shutil
from pathlib import Path

import pytest
from harness import start

from titn.reporting import figures

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "reports"


def _empty_figures() -> None:
    """Figures are empty files: drawing them takes most of the time."""

    def draw(path: Path, *_, **__) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    for name in figures.__all__:
        if name.startswith("draw_"):
            setattr(figures, name, draw)


@pytest.fixture(
    scope="module",
    params=[_empty_figures, pytest.param(lambda: None, marks=pytest.mark.long)],
    ids=["empty figures", "figures"],
)
def again(request, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("checkout")
    out, readme = place / "reports", shutil.copy(ROOT / "README.md", place)
    arguments = [str(REPORTS / "records"), "--out", str(out), "--readme", str(readme)]
    done = start("report", *arguments, cwd=place, before=request.param).wait(timeout_secs=600)
    assert (done.code, done.err) == (0, "")
    return out


def files(root: Path, *suffixes: str) -> set[Path]:
    found = {path.relative_to(root) for path in root.rglob("*") if path.suffix in suffixes}
    return {path for path in found if path.parts[0] != "records"}


def test_every_committed_file_is_written_again_and_no_other(again):
    assert files(again, ".md", ".csv", ".svg") == files(REPORTS, ".md", ".csv", ".svg")


def test_words_and_numbers_are_the_committed_ones(again):
    # Figures are the same bytes with the pinned matplotlib only.
    stale = [
        str(path)
        for path in sorted(files(again, ".md", ".csv"))
        if (again / path).read_bytes() != (REPORTS / path).read_bytes()
    ]
    assert stale == [], "run python -m titn.report reports/records"


def test_the_table_of_the_readme_is_that_of_the_records(again):
    assert (again.parent / "README.md").read_text() == (ROOT / "README.md").read_text()


def test_no_page_names_a_directory_of_a_machine(again):
    for path in files(again, ".md", ".csv"):
        for word in ("/home/", "/tmp/", "/root/", "C:\\"):
            assert word not in (again / path).read_text(encoding="utf-8"), path
