"""A trial is told epoch by epoch, and ended where it is behind the others."""

from pathlib import Path

import pytest

from titn.records.search import Search, parse_search
from titn.sweeps.search import study
from titn.sweeps.search.pruning import TrialReports, pruner_of, reports_of
from titn.sweeps.search.space import read_space
from titn.sweeps.search.storage import StudyStorage
from titn.sweeps.search.study import StudyFile
from titn.system.errors import ConfigError

EPOCHS = 9
ASKED = {"title": "T", "asks": "A", "space": {"lr": "interval(0, 1)"}, "sampler": "random"}


class Pruned:
    """A study whose trials have curves that are given."""

    def __init__(self, directory: Path, **more):
        self.directory, self.search = directory, Search(**ASKED | more)
        space, pruner = read_space(self.search), pruner_of(self.search, EPOCHS)
        self.study = StudyFile(directory, "s", self.search, space, {"space": 1}, pruner)

    def reports(self, number: int) -> TrialReports:
        storage = StudyStorage(self.directory, self.search)
        return TrialReports(storage, "s", self.search, number, EPOCHS)

    def begin(self) -> tuple[int, TrialReports]:
        number = self.study.ask().number
        return number, self.reports(number)

    def last_epoch(self, *curve: float, key: str = "top1") -> int:
        """After which a trial with this curve ends; one that goes on to its end is complete."""
        number, reports = self.begin()
        for epoch, reached in enumerate(curve, 1):
            if reports({"epoch": epoch, key: reached}) and epoch < len(curve):
                self.study.tell(number, study.PRUNED)
                return epoch
        self.study.tell(number, study.COMPLETE, [curve[-1]])
        return len(curve)


def test_the_median_ends_what_is_below_half_of_the_complete_trials(tmp_path):
    pruned = Pruned(tmp_path, pruner="median", min_epochs=2)
    for top in (0.1, 0.2, 0.3, 0.4, 0.5):
        assert pruned.last_epoch(top, top, top) == 3  # fewer than five are no median
    assert pruned.last_epoch(0.0, 0.29, 0.9) == 2
    assert pruned.last_epoch(0.0, 0.31, 0.9) == 3


def test_less_is_better_of_a_negative_log_likelihood(tmp_path):
    pruned = Pruned(tmp_path, pruner="median", min_epochs=1, objective="nll")
    for nll in (1.0, 2.0, 3.0, 4.0, 5.0):
        pruned.last_epoch(nll, nll, key="nll")
    assert pruned.last_epoch(3.1, 0.0, key="nll") == 1
    assert pruned.last_epoch(2.9, 0.0, key="nll") == 2


def test_halving_lets_the_best_third_of_a_rung_go_on(tmp_path):
    pruned = Pruned(tmp_path, pruner="halving")
    first, second, third, fourth = 0.5, 0.4, 0.6, 0.55
    # The first of a rung is its best; of four the best third is one.
    assert pruned.last_epoch(*[first] * 3) == 3
    assert pruned.last_epoch(*[second] * 3) == 1
    assert pruned.last_epoch(*[third] * 3) == 3
    assert pruned.last_epoch(*[fourth] * 3) == 1


def test_hyperband_has_a_bracket_that_ends_nothing_before_all_epochs(tmp_path):
    pruned = Pruned(tmp_path, pruner="hyperband", trials=60)
    ends = {pruned.last_epoch(*[0.5 - number / 100] * EPOCHS) for number in range(40)}
    assert ends == {1, 3, EPOCHS}  # the rungs of its brackets: 1, 3 and 9


def test_an_epoch_that_was_not_evaluated_is_not_told(tmp_path):
    pruned = Pruned(tmp_path)
    _, reports = pruned.begin()
    assert reports({"epoch": 1, "train": {"loss": 1.0}}) is False
    assert pruned.study.trials()[0].intermediate_values == {}


def test_others_are_compared_with_the_whole_curve_of_a_recorded_trial(tmp_path):
    pruned = Pruned(tmp_path, pruner="median", min_epochs=1)
    for _ in range(5):
        number, reports = pruned.begin()
        reports({"epoch": 1, "top1": 0.1})
        reports.tell_all([{"epoch": 1, "top1": 0.9}, {"epoch": 2, "top1": 0.5}])
        pruned.study.tell(number, study.COMPLETE, [0.5])
    assert pruned.study.trials()[0].intermediate_values == {1: 0.1, 2: 0.5}
    assert pruned.last_epoch(0.2, 0.4, 0.9) == 2


def test_a_trial_goes_on_where_its_study_is_lost(tmp_path, capsys):
    pruned = Pruned(tmp_path)
    number, reports = pruned.begin()
    with open(pruned.study.storage.journal, "a") as journal:
        journal.write("{nonsense\n" * 3)
    assert reports({"epoch": 1, "top1": 0.5}) is False
    assert "the trial goes on" in capsys.readouterr().err
    assert reports_of(tmp_path, "s", pruned.search, number, EPOCHS) is None
    assert "cannot be pruned" in capsys.readouterr().err


def test_a_trial_that_another_worker_has_told_is_not_ended(tmp_path):
    pruned = Pruned(tmp_path)
    number, reports = pruned.begin()
    pruned.study.tell(number, study.FAILED)
    assert reports({"epoch": 1, "top1": 0.5}) is False


@pytest.mark.parametrize(
    ("asked", "pruner"),
    [
        ({}, "median"),
        ({"objective": "nll"}, "median"),
        ({"objective": "macs"}, "none"),
        ({"objective": ["top1", "macs"]}, "none"),
        ({"pruner": "hyperband"}, "hyperband"),
    ],
)
def test_what_each_epoch_has_prunes_by_the_median(asked, pruner):
    assert Search(**ASKED | asked).pruned_by == pruner


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (
            {"pruner": "median", "objective": ["top1", "macs"]},
            r"search\.pruner=median: .*single objective.*top1 or nll; .*search\.pruner=none",
        ),
        (
            {"pruner": "hyperband", "space": {"epochs": "choice(5,10)"}},
            r"search\.pruner=hyperband: .*the space has several; choose search\.pruner=median",
        ),
        ({"min_epochs": 0}, r"search\.min_epochs: should be greater than or equal to 1"),
    ],
)
def test_a_pruner_that_cannot_be_is_one_line(asked, line):
    with pytest.raises(ConfigError, match=line):
        parse_search(ASKED | asked)
