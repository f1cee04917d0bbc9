"""The page across all questions: each row once, data sets apart."""

import numpy as np
import pytest

from tests.unit.reporting.conftest import DIGEST, samples
from titn.records.collation import load
from titn.records.run_dir import RunDir
from titn.reporting.evidence.run_index import index_runs
from titn.reporting.method.page import write_method_page
from titn.reporting.pages import write_page


@pytest.fixture
def text(runs, tmp_path, without_figures):
    """The page of all that was asked for."""

    def write() -> str:
        index, pages = index_runs(load(runs.root)), {}
        for one in runs.evidence():
            pages[one.name] = write_page(one.name, one.question, [one], index, tmp_path)
        return write_method_page(list(pages.values()), tmp_path)

    return write


@pytest.fixture
def taught(runs):
    """Cells of two tokens, 30 of 40 images right, whose teacher is right in all but the first."""

    def write(label, seeds, digest=DIGEST, record=None, **changes):
        cells = []
        node = {"_target_": "titn.losses.distillation.Hard", "alpha": 0.5}
        for seed in range(seeds):
            cell = runs.cell(
                label, seed, taught=runs.teacher(), changes={"loss": node, **changes},
                digest=digest, record=record,
                directory=f"{digest[:4]}-{label}-{len(runs.written)}-{seed}",
            )  # fmt: skip
            columns = samples(30, 40, 10, seed)
            columns["teacher"] = np.where(np.arange(40) == 0, 1, columns["label"]).astype(np.int16)
            RunDir(runs.written[cell.config_hash]).write_samples(columns)
            cells.append(cell)
        return cells

    return write


def test_a_row_that_two_questions_have_is_told_once(runs, taught, text):
    cells = taught("a", 2)
    runs.ask(cells[1])
    for name, key in (("paper/figure6", "ef" * 32), ("paper/figure7", "cd" * 32)):
        runs.ask(*cells, name=name, key=key)
    said = text()
    assert sum("| a | 2 |" in line for line in said.splitlines()) == 1
    assert sum("| a | yes | 97.50 |" in line for line in said.splitlines()) == 1
    assert "| a | 1 |" not in said


def test_a_row_near_chance_is_left_out(runs, taught, text):
    runs.ask(*taught("a", 2), *taught("b", 2, record={"top1": 0.1}))
    said = text()
    assert "- digits: of 1 row the" in said
    assert not any("| b |" in line for line in said.splitlines())


def test_a_row_of_other_code_is_another_row(runs, taught, text):
    runs.ask(*taught("a", 2))
    other = "ef" * 32
    runs.ask(*taught("a", 2, digest=other), name="paper/figure6", key=other, digest=other)
    said = text()
    assert sum("| a | 2 |" in line for line in said.splitlines()) == 2
    assert sum("| a | yes | 97.50 |" in line for line in said.splitlines()) == 2


def test_two_seeds_cannot_say_which_token_is_better(runs, taught, text):
    runs.ask(*taught("a", 2), *taught("b", 3, batch_size=4))
    assert (
        "- digits: of 2 rows the distillation token is better in 0, the class token in 0; they "
        "are not told apart in 1; 1 without a verdict, for lack of seeds. The "
        "median of the distillation token minus the class token is +0.00 points" in text()
    )


def test_data_sets_have_answers_of_their_own(runs, taught, text):
    runs.ask(*taught("a", 2))
    node = {"_target_": "titn.data.sources.published", "name": "mnist"}
    choices = {"model": "titn", "dataset": "mnist", "loss": "hard"}
    runs.ask(*taught("a", 2, dataset=node, choices=choices), name="paper/table5", key="ef" * 32)
    part = node | {"num_classes": 5}
    runs.ask(*taught("a", 2, dataset=part, choices=choices), name="paper/figure8", key="cd" * 32)
    said = text()
    assert said.count("- digits: of 1 row the") == 1
    assert said.count("- mnist: of 1 row the") == 1
    assert said.count("- mnist, 5 classes: of 1 row the") == 1


def test_without_two_tokens_or_a_teacher_there_is_nothing_to_say(runs, text):
    runs.ask(*runs.row("a", [30, 31]))
    assert text() == ""
