"""Levels of rows, against scipy."""

import numpy as np
import pytest
from scipy import stats

from titn.reporting.comparisons.levels import metric_interval, row_level

A = [30, 32, 31]  # of 40 images, by seed


def test_a_level_is_a_mean_with_students_interval(runs):
    level = row_level(runs.one(*runs.row("a", A)).row("a"))
    mean, error = (np.array(A) / 40).mean(), stats.sem(np.array(A) / 40)
    low, high = stats.t.interval(0.95, 2, mean, error)
    assert (level.mean, level.over_seeds.low, level.over_seeds.high) == pytest.approx(
        (mean, low, high)
    )


def test_the_interval_over_images_too_is_the_wider(runs):
    level = row_level(runs.one(*runs.row("a", A)).row("a"))
    assert (
        level.over_seeds_and_images.high - level.over_seeds_and_images.low
        > level.over_seeds.high - level.over_seeds.low
    )


def test_one_seed_has_no_interval(runs):
    level = row_level(runs.one(*runs.row("a", [30])).row("a"))
    assert (level.mean, level.over_seeds, level.over_seeds_and_images) == (0.75, None, None)


def test_no_interval_covers_images_that_were_not_kept(runs):
    cells = [runs.cell("a", 0), runs.cell("a", 1, 31), runs.cell("a", 2, 32, kept=False)]
    level = row_level(runs.one(*cells).row("a"))
    assert level.over_seeds_and_images is None
    assert level.over_seeds is not None


def test_a_metric_that_is_not_kept_by_image_has_an_interval_over_seeds(runs):
    cells = [runs.cell("a", s, record={"f1": f1}) for s, f1 in enumerate((0.5, 0.6, 0.7))]
    interval = metric_interval(runs.one(*cells).row("a"), "f1")
    low, high = stats.t.interval(0.95, 2, 0.6, 0.1 / 3**0.5)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_a_metric_that_one_seed_lacks_has_no_interval(runs):
    cells = [runs.cell("a", 0), runs.cell("a", 1), runs.cell("a", 2, record={"f1": "drop"})]
    assert metric_interval(runs.one(*cells).row("a"), "f1") is None


def test_an_interval_of_an_accuracy_ends_at_all_images(runs):
    found = runs.one(*runs.row("TITN", [38, 40, 40]))
    level = row_level(found.rows[0])
    assert level.over_seeds.high == level.over_seeds_and_images.high == 1.0
    assert level.over_seeds_and_images.low < level.over_seeds.low < 1.0
