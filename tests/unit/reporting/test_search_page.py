"""The page of a search: what it believed, what is left on test, and what to train with."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from titn.records.trials import TrialsFile
from titn.reporting.best_file import best_yaml
from titn.reporting.comparisons.importances import importances
from titn.reporting.sections.search import at_ends, front, ranked

DOMAINS = {
    "lr": {"low": 1e-4, "high": 1e-2, "log": True},
    "depth": {"values": [2, 4, 8]},
    "momentum": {"low": 0.0, "high": 1.0},
}


OWN = '"file://own"'


def trials(*values, objective=("top1",), chosen=None, outcomes=None) -> TrialsFile:
    """A trial for each, with its value or its values; None: of one without any."""
    listed = [
        {
            "number": i,
            "outcome": (outcomes or {}).get(i, "complete"),
            "chosen": (chosen or (lambda i: {"lr": 0.001, "depth": 4}))(i),
            "values": value if value is None else np.atleast_1d(value).tolist(),
        }
        for i, value in enumerate(values)
    ]  # fmt: skip
    asked = {"title": "Which rate?", "asks": "The best.", "space": {"lr": "interval(0,1)"},
             "objective": list(objective), "trials": len(values)}  # fmt: skip
    command = "python -m titn.train +search=rate"
    best = [{"number": 1, "overrides": ["model=deit", "lr=0.001", "device=cpu"]}]
    return TrialsFile.model_validate(
        {"study": "rate", "search": asked, "seed": 0, "command": command,
         "domains": DOMAINS, "trials": listed, "best": best}
    )  # fmt: skip


def page(runs, report, found: TrialsFile) -> str:
    place = runs.root / "sweeps" / "rate"
    place.mkdir(parents=True, exist_ok=True)
    (place / "trials.json").write_text(json.dumps(found.model_dump(mode="json")))
    code, _, said = report(runs.root, "--out", runs.root.parent / "out")
    assert (code, said) == (0, "")
    return (runs.root.parent / "out" / "search" / "rate.md").read_text()


def confirm(runs) -> None:
    """On test the defaults have 20 of 40 right, trial 1 has 24; on validation 16 of 40."""
    cells = [
        *runs.row("defaults", [19, 20, 21]),
        *runs.row("trial 1", [23, 24, 25]),
        runs.cell("defaults", 9, 16, role="candidate"),
    ]
    question = runs.question(["defaults", "trial 1"])
    runs.ask(*cells, question=question, name="search/rate", place="rate/confirmation")


@pytest.mark.usefixtures("without_figures")
def test_the_optimism_is_the_gain_that_was_believed_less_the_gain_on_test(runs, report):
    confirm(runs)
    page(runs, report, trials(0.5, 0.65))
    frame = pd.read_csv(runs.root.parent / "out" / "search" / "rate" / "search-confirmation.csv")
    found = frame.set_index("row").loc["trial 1"]
    # Believed 0.65 - 16 / 40; on test 24 / 40 - 20 / 40.
    assert found["believed_gain"] == pytest.approx(0.25)
    assert found["gain"] == pytest.approx(0.1)
    assert found["optimism"] == pytest.approx(0.15)


@pytest.mark.usefixtures("without_figures")
def test_tables_of_a_search_and_of_its_confirmation_are_written_as_latex(runs, report):
    confirm(runs)
    page(runs, report, trials(0.5, 0.65))
    out = runs.root.parent / "out"
    report(runs.root, "--out", out, "--latex")
    own = (out / "search" / "rate" / "search-confirmation.tex").read_text()
    assert "trial 1 & 65.00 & 60.00" in own
    assert own.startswith("% Which rate?")
    assert list((out / "search" / "rate").glob("*-accuracy.tex"))


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(
    ("name", "caption"),
    [
        (
            "trials",
            "{Which rate? The best trials. On the validation split, seed 0: the best by top1, 2 of "
            "2 complete trials.}",
        ),
        ("confirmation", "{Which rate? Validation and test. Validation: "),
    ],
)
def test_the_caption_of_a_search_says_what_its_numbers_are(runs, report, name, caption):
    confirm(runs)
    page(runs, report, trials(0.5, 0.65))
    out = runs.root.parent / "out"
    report(runs.root, "--out", out, "--latex")
    assert caption in (out / "search" / "rate" / f"search-{name}.tex").read_text()


@pytest.mark.usefixtures("without_figures")
def test_the_page_begins_with_what_is_left_on_test(runs, report):
    confirm(runs)
    text = page(runs, report, trials(0.5, 0.65))
    assert "trial 1 is the best: top1 65.00% on the validation split. On test, with fresh " in text
    assert "it reaches 60.00%, +10.00 points" in text
    assert "the search believed +25.00, 15.00 points too many.**" in text


@pytest.mark.usefixtures("without_figures")
def test_without_a_confirmation_the_page_says_so_and_how(runs, report):
    runs.cell("trial", 0)
    text = page(runs, report, trials(0.5, 0.65))
    assert "Not confirmed.**" in text
    assert "`python -m titn.train +search=rate search.confirm=1`" in text


def test_all_outcomes_and_several_objectives_are_drawn(runs, report):
    runs.cell("trial", 0)
    found = trials(
        (0.5, 2e6), (0.65, 4e6), None, None, None, objective=("top1", "macs"),
        outcomes={2: "diverged", 3: "failed", 4: "impossible"},
    )  # fmt: skip
    text = page(runs, report, found)
    assert "2 complete, 1 diverged, 1 failed, 1 impossible" in text
    directory = runs.root.parent / "out" / "search" / "rate"
    drawn = sorted(file.name for file in directory.glob("*.svg"))
    assert drawn == ["search-front-macs.svg", "search-history.svg", "search-slices-1.svg"]


def test_equal_trials_are_ranked_by_their_numbers():
    assert [one.number for one in ranked(trials(0.5, 0.7, 0.7))] == [1, 2, 0]


def test_the_front_has_what_nothing_beats():
    found = trials((0.7, 9.0), (0.6, 3.0), (0.6, 4.0), (0.5, 3.0), objective=("top1", "nll"))
    assert [one.number for one in front(found)] == [0, 1]


@pytest.mark.parametrize(
    ("chosen", "ends"),
    [
        ({"lr": 0.001, "depth": 4}, []),
        ({"lr": 0.0095, "depth": 4}, ["lr"]),
        ({"lr": 0.001, "depth": 8}, ["depth"]),
        ({"lr": 0.001, "momentum": 0.01}, ["momentum"]),
    ],
)
def test_a_best_trial_at_an_end_is_seen(chosen, ends):
    found = trials(0.5, chosen=lambda _: chosen)
    assert at_ends(found, found.trials[0]) == ends


def test_the_key_that_decides_is_the_important_one():
    def chosen(i):
        return {"lr": 1e-4 * 10 ** (i % 5 / 2.5), "depth": (2, 4, 8)[i % 3]}

    found = trials(*(0.1 * (i % 5) for i in range(30)), chosen=chosen)
    first, second, third = importances(found)
    assert (first.key, second.key) == ("lr", "depth")
    assert first.variance > 0.9
    assert (third.key, third.variance, third.among_good) == ("momentum", None, None)


def test_a_number_that_was_rounded_beyond_an_end_is_that_end():
    found = trials(
        *(0.1 * (i % 5) for i in range(30)),
        chosen=lambda i: {
            "lr": 1.0005 * 0.01 if i == 0 else 1e-4 * 10 ** (i % 5 / 2.5),
            "depth": 4,
        },
    )
    assert importances(found)[0].variance is not None


@pytest.mark.parametrize("values", [[0.1 * i for i in range(9)], [0.5] * 20])
def test_of_few_or_equal_trials_nothing_is_important(values):
    assert importances(trials(*values)) == []


def test_the_file_of_the_best_has_choices_as_defaults_and_no_device():
    text = best_yaml(
        ["model=deit", "teacher=none", "device=cpu", "optimizer.lr=1e-3", "+model.width=8",
         "teacher.seed=${seed}", "dataset.classes=[1,2]", "~mix"],
        "trial 1",
    )  # fmt: skip
    assert text.startswith("# @package _global_\n# trial 1\n# On the command line besides: ~mix\n")
    assert yaml.safe_load(text) == {
        "defaults": [{"override /model": "deit"}, {"override /teacher": "none"}],
        "optimizer": {"lr": 0.001},
        "model": {"width": 8},
        "teacher": {"seed": "${seed}"},
        "dataset": {"classes": [1, 2]},
    }


@pytest.mark.parametrize(
    ("typed", "beside", "searched"),
    [
        ("", "", ""),
        (" --config-dir own", " --config-dir=own", f" 'hydra.searchpath=[{OWN}]'"),
        (" -cdown", " --config-dir=own", f" 'hydra.searchpath=[{OWN}]'"),
        (" 'hydra.searchpath=[file://own]'", " --config-dir=own", f" 'hydra.searchpath=[{OWN}]'"),
        (
            " --config-d=o 'hydra.searchpath=[file://own]'",
            f" --config-dir=o 'hydra.searchpath=[{OWN}]'",
            f" 'hydra.searchpath=[\"file://o\",{OWN}]'",
        ),
        (" it's broken", "", ""),
    ],
)
@pytest.mark.usefixtures("without_figures")
def test_the_best_of_own_parts_is_made_with_the_directory_that_has_them(
    runs, report, typed, beside, searched
):
    confirm(runs)
    found = trials(0.5, 0.65)
    text = page(runs, report, found.model_copy(update={"command": f"{found.command}{typed}"}))
    assert f"python -m titn.train{beside} model=deit lr=0.001 device=cpu" in text
    assert f"`python -m titn.train --config-dir=DIR{searched} +best=rate`" in text
