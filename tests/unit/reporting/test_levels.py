"""Levels of rows, against scipy."""

import pytest
from scipy import stats

from titn.reporting.comparisons.levels import metric_interval, row_levels

A = [30, 32, 31]  # of 40 images, by seed


def test_a_level_is_the_mean_over_seeds(runs):
    (level,) = row_levels(runs.one(*runs.row("a", A)))
    assert level.mean == pytest.approx(31 / 40)
    assert level.interval.low < 31 / 40 < level.interval.high


def test_rows_share_what_they_say_of_seeds(runs):
    alone = row_levels(runs.one(*runs.row("a", A)))[0].interval
    shared = row_levels(runs.one(*runs.row("a", A), *runs.row("b", [25, 27, 26])))[0].interval
    # As far apart, with four degrees of freedom instead of two.
    assert shared.high - shared.low < alone.high - alone.low


def test_a_row_near_chance_has_an_interval_of_its_own(runs):
    b = runs.row("b", [3, 4, 9])
    runs.ask(*b, name="ablation/alone", key="ef" * 32)
    runs.ask(*runs.row("a", A), *b)
    found = {one.name: row_levels(one)[-1] for one in runs.evidence()}
    assert found["ablation/own"].interval == found["ablation/alone"].interval


def test_one_seed_has_no_interval(runs):
    (level,) = row_levels(runs.one(*runs.row("a", [30])))
    assert (level.mean, level.interval) == (0.75, None)


def test_no_interval_covers_images_that_were_not_kept(runs):
    cells = [runs.cell("a", 0), runs.cell("a", 1, 31), runs.cell("a", 2, 32, kept=False)]
    (level,) = row_levels(runs.one(*cells))
    assert level.interval is None


def test_a_metric_that_is_not_kept_by_image_has_an_interval_over_seeds(runs):
    cells = [runs.cell("a", s, record={"f1": f1}) for s, f1 in enumerate((0.5, 0.6, 0.7))]
    evidence = runs.one(*cells)
    interval = metric_interval(evidence, evidence.row("a"), "f1")
    low, high = stats.t.interval(0.95, 2, 0.6, 0.1 / 3**0.5)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_a_metric_that_one_seed_lacks_has_no_interval(runs):
    cells = [runs.cell("a", 0), runs.cell("a", 1), runs.cell("a", 2, record={"f1": "drop"})]
    evidence = runs.one(*cells)
    assert metric_interval(evidence, evidence.row("a"), "f1") is None


def test_an_interval_of_an_accuracy_ends_at_all_images(runs):
    (level,) = row_levels(runs.one(*runs.row("TITN", [38, 40, 40])))
    assert level.interval.high == 1.0
    assert level.interval.low < 1.0
