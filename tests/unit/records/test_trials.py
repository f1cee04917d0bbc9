"""trials.json is written by any worker, validated, and copied with its sweep."""

import pytest

from titn.records.archive import archive
from titn.records.search import parse_search
from titn.records.sweep_dir import TRIALS, SweepDir
from titn.records.trials import TrialsFile
from titn.system.errors import ConfigError

ASKED = {"title": "T", "asks": "A", "space": {"lr": "interval(0,1)"}}


def trials(*values: float) -> TrialsFile:
    return TrialsFile.model_validate(
        {
            "study": "s", "search": ASKED, "seed": 0, "command": "c",
            "domains": {"lr": {"low": 0, "high": 1}},
            "trials": [
                {"number": i, "outcome": "complete", "chosen": {"lr": 0.5}, "values": [value]}
                for i, value in enumerate(values)
            ],
            "best": [],
        }
    )  # fmt: skip


def test_what_was_written_is_read(tmp_path):
    sweep = SweepDir(tmp_path / "s")
    sweep.write_trials(lambda: trials(0.5, 0.75))
    assert sweep.trials() == trials(0.5, 0.75)


@pytest.mark.parametrize(
    ("old", "new"), [('"complete"', '"won"'), ('"title"', '"titel"'), ('"lr": 0.5', '"lr": "x"')]
)
def test_a_file_that_was_edited_is_named(tmp_path, old, new):
    sweep = SweepDir(tmp_path / "s")
    sweep.write_trials(lambda: trials(0.5))
    file = tmp_path / "s" / TRIALS
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=r"trials\.json: is damaged"):
        sweep.trials()


def test_of_two_copies_the_one_with_more_trials_is_kept(tmp_path):
    machines = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for machine, values in zip(machines, ([0.1], [0.1, 0.2], [0.1]), strict=True):
        SweepDir(machine / "s").write_trials(lambda values=values: trials(*values))
    archive(machines, tmp_path / "kept")
    assert SweepDir(tmp_path / "kept" / "s").trials() == trials(0.1, 0.2)


@pytest.mark.parametrize(("of_trials", "seeds"), [(0, (1, 2, 3, 4, 5)), (2, (1, 3, 4, 5, 6))])
def test_the_fresh_seeds_are_not_that_of_the_trials(of_trials, seeds):
    assert parse_search(ASKED).fresh_seeds(of_trials) == seeds


def test_the_seed_of_the_trials_is_refused():
    search = parse_search(ASKED | {"confirm_seeds": (1, 0)})
    with pytest.raises(ConfigError, match=r"^search\.confirm_seeds: has the trials' own seed, 0"):
        search.fresh_seeds(0)
