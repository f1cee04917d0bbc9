"""Every file of sweeps/: what its head says, what its question asks, and what its rows are."""

import csv
import json
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from titn.config import resolve
from titn.config.identity import config_hash
from titn.config.paths import conf_dir, config_root
from titn.config.plugins import load_plugins
from titn.paper import printed
from titn.records.question import Question, parse_question
from titn.sweeps.tuning import tuning_grid
from titn.training import build

SWEEPS = config_root() / "sweeps"
# Those of sweeps/ablate have no question: two configurations make one. Nor has a search.
NO_QUESTIONS = ("ablate", "search")
FILES = sorted(file for file in SWEEPS.rglob("*.yaml") if file.parent.name not in NO_QUESTIONS)
PRINTED = Path(printed.__file__).parent / "tables"

# These show cells of another table once more, and have none of their own.
CELLS_OF = {
    "figure4": "table2",
    "figure6": "table3",
    "figure7": "table4",
    "figure8": "table5",
    "table6": "table4",
}


@pytest.fixture(params=FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def file(request) -> Path:
    return request.param


def named(name: str) -> Path:
    return next(file for file in FILES if file.stem == name)


def asked(file: Path) -> str:
    return f"+{file.parent.name}={file.stem}"


def composed(file: Path, *overrides: str) -> DictConfig:
    load_plugins()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        return compose("config", [asked(file), *overrides])


# Composing takes a tenth of a second, and every test asks for the same.
@cache
def question(file: Path) -> Question:
    """As the sweeper reads it."""
    return parse_question(OmegaConf.to_container(composed(file).question, resolve=True))


@cache
def run(file: Path, row: str, seed: int = 0) -> dict:
    """The checked configuration of a cell."""
    return resolve.resolve(composed(file, *question(file).rows[row], f"seed={seed}"))


def identity(content: dict) -> str:
    """The hash of a run, if all images were the same."""
    teacher = identity(content["teacher"]) if content["teacher"] else None
    return config_hash(content, precision="32-true", data="", origin=None, teacher=teacher)


def cells(file: Path) -> dict[str, str]:
    """The identity of each row's first seed."""
    return {row: identity(run(file, row)) for row in question(file).rows}


def printed(table: str) -> dict[str, dict[str, str]]:
    """The rows of a printed table by their label."""
    with (PRINTED / f"{table}.csv").open() as lines:
        return {row["row"]: row for row in csv.DictReader(lines)}


def test_a_file_opens_with_its_question_the_paper_the_cost_and_the_command(file):
    head = file.read_text().partition("question:")[0]
    assert re.match(
        r"# @package _global_\n# Question: .*\n# The paper: .*\n# Cost: .*\n#\n"
        rf"#   python -m titn\.train --multirun \{asked(file)}\b",
        head,
        re.DOTALL,
    )


def test_the_cost_counts_the_cells(file):
    text = file.read_text()
    seeds = str(yaml.safe_load(text)["hydra"]["sweeper"]["params"]["seed"]).split(",")
    said = re.search(r"# Cost: (\d+) cells \((\d+) rows, (\d+) seeds?\b", text)
    num_rows, num_seeds = len(question(file).rows), len(seeds)
    assert said
    assert [int(n) for n in said.groups()] == [num_rows * num_seeds, num_rows, num_seeds]


def test_the_cost_counts_the_candidates(file):
    tried = [len(tuning_grid(question(file), row)) for row in question(file).rows]
    said = re.search(r"(\d+) candidates", file.read_text())
    assert (int(said[1]) if said else 0) == sum(count for count in tried if count > 1)


def test_a_label_is_short_and_has_no_comma(file):
    assert all(len(row) <= 40 and "," not in row for row in question(file).rows)


def test_a_row_sets_a_key_once(file):
    for overrides in question(file).rows.values():
        keys = [override.partition("=")[0] for override in overrides]
        assert len(keys) == len(set(keys))


def test_no_two_rows_are_the_same_cell(file):
    assert len(set(cells(file).values())) == len(question(file).rows)


def test_rows_without_a_teacher_learn_from_labels_and_the_others_from_it(file):
    for row in question(file).rows:
        loss = run(file, row)["loss"]["_target_"]
        assert loss.endswith("Supervised") == (run(file, row)["teacher"] is None)


@pytest.mark.parametrize(("name", "number"), [("optimizer", 5), ("optimizer_teacher", 6)])
def test_every_row_has_as_many_rates_to_choose_from(name, number):
    file = named(name)
    assert {len(tuning_grid(question(file), row)) for row in question(file).rows} == {number}


def test_a_tuned_key_is_there_to_be_set(file):
    for row, overrides in question(file).rows.items():
        (first, *_) = tuning_grid(question(file), row)
        values = [f"{key}={value!r}" for key, value in first.items()]
        if values:
            resolve.resolve(composed(file, *overrides, *values))


# What is claimed


def test_the_bounds_of_a_claim_are_in_order(file):
    for claim in question(file).claims:
        bounds = [bound for bound in claim.between if bound is not None]
        assert bounds
        assert bounds == sorted(set(bounds))


def test_a_claim_agrees_with_its_own_printed_number(file):
    for claim in question(file).claims:
        low, high = claim.between
        if claim.printed is not None:
            assert low is None or low < claim.printed
            assert high is None or claim.printed < high


def test_a_claim_is_of_a_data_set_that_the_paper_has(file):
    assert {claim.dataset for claim in question(file).claims} <= {"mnist", "cifar10", "cifar100"}


def test_a_claim_does_not_set_a_row_beside_itself(file):
    assert all(len(claim.rows) == len(set(claim.rows)) for claim in question(file).claims)


def test_a_claim_is_made_once(file):
    claims = [json.dumps(claim.model_dump(), sort_keys=True) for claim in question(file).claims]
    assert len(claims) == len(set(claims))


@pytest.mark.parametrize("table", ["table2", "table3", "table4", "table5", "figure5"])
def test_a_claimed_difference_is_that_of_the_printed_numbers(table):
    rows = printed(table)
    for claim in question(named(table)).claims:
        if claim.printed is not None:
            first, second = (float(rows[row][claim.metric]) for row in claim.rows)
            assert claim.printed == pytest.approx(first - second, abs=5e-5)


def test_every_printed_row_is_asked(file):
    table = question(file).printed
    assert table is None or set(printed(table)) <= set(question(file).rows)


def test_a_margin_is_of_a_printed_column(file):
    asks = question(file)
    columns = set(next(iter(printed(asks.printed).values()))) if asks.printed else set()
    assert set(asks.margins) <= columns


# What rows are


@pytest.mark.parametrize("name", [file.stem for file in FILES if file.parent.name == "paper"])
def test_a_sweep_of_the_paper_has_its_protocol(name):
    file = named(name)
    row = next(iter(question(file).rows))
    assert run(file, row)["batch_size"] == 1024
    assert run(file, row)["optimizer"]["momentum"] == 0.9


@pytest.mark.parametrize("name", ["table3", "table4", "table5", "table6"])
def test_the_teachers_row_is_the_cell_that_teaches(name):
    file = named(name)
    assert cells(file)["VGG16-BN"] == identity(run(file, "TITN")["teacher"])


@pytest.mark.parametrize(("name", "table"), CELLS_OF.items())
def test_a_figure_has_the_cells_of_its_table(name, table):
    assert cells(named(name)).items() <= cells(named(table)).items()


def test_sgd_in_figure_5_is_a_cell_of_table_2():
    assert cells(named("figure5"))["SGD"] == cells(named("table2"))["VGG16-BN"]


def test_the_seed_of_a_student_is_its_teachers_where_teachers_are_compared():
    assert run(named("teacher"), "VGG16-BN", seed=2)["teacher"]["seed"] == 2


def test_a_teacher_sees_the_same_part_of_the_data():
    cell = run(named("data_fraction"), "a tenth / teacher")
    assert cell["teacher"]["dataset"]["fraction"] == cell["dataset"]["fraction"] == 0.1


@pytest.mark.parametrize(
    ("name", "row", "weights"),
    [
        ("tokens", "both tokens", (0.5, 0.5)),
        ("tokens", "class token / idle distillation token", (1.0, 0.0)),
        ("tokens", "distillation token", (0.0, 1.0)),
        ("distillation", "hard / alpha 0", (0.0, 1.0)),
        ("distillation", "hard / alpha 1", (1.0, 0.0)),
    ],
)
def test_a_row_trains_the_tokens_that_it_names(name, row, weights):
    assert build.instantiate(run(named(name), row), "loss").token_weights == weights


def test_a_default_is_chosen_on_validation_images():
    file = named("initialisation")
    assert {run(file, row)["dataset"]["split"] for row in question(file).rows} == {"validation"}
