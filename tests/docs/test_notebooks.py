"""The notebooks of docs/ do what they show, in a kernel of their own."""

import json
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="pip install -e '.[docs]'")
nbclient = pytest.importorskip("nbclient", reason="pip install -e '.[docs]'")

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "docs/notebooks").glob("*.ipynb"))


def executed(path: Path) -> dict:
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3", resources=place).execute()
    return notebook


def shown(notebook: dict) -> list[str]:
    """The kinds of what each cell shows, and what it printed."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    printed = [output for output in outputs if output.get("name") != "stderr"]
    return [
        "".join(output["text"]) if "text" in output else "+".join(sorted(output["data"]))
        for output in printed
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_showed(path):
    assert shown(executed(path)) == shown(json.loads(path.read_text()))
