"""Effects of factorial designs, against a textbook and against a regression."""

from itertools import combinations, product

import numpy as np
import pytest

from titn.reporting.statistics.factorial import effect_weights


def full(num: int) -> np.ndarray:
    """All rows of a design, the first factor changing fastest."""
    return np.array([row[::-1] for row in product([False, True], repeat=num)])


def effects(states: np.ndarray, means, counts=None) -> dict:
    weights = effect_weights(states, counts or [3] * len(states))
    return {terms: float(row @ np.array(means)) for terms, row in weights.items()}


def test_a_pilot_plants_effects_are_those_of_the_textbook():
    # Box, Hunter and Hunter, 2005, table 5.1 and section 5.7: temperature, concentration, catalyst.
    found = effects(full(3), [60, 72, 54, 68, 52, 83, 45, 80])
    expected = {
        ((0,),): 23.0, ((1,),): -5.0, ((2,),): 1.5,
        ((0, 1),): 1.5, ((0, 2),): 10.0, ((1, 2),): 0.0,
    }  # fmt: skip
    assert found == pytest.approx(expected)


def test_two_factors_by_hand():
    # Rows: neither 10, first 14, second 11, both 19. Main effects (4 + 8) / 2 and (1 + 5) / 2; the
    # first does 8 with the second and 4 without: half the difference is 2.
    found = effects(full(2), [10, 14, 11, 19])
    assert found == pytest.approx({((0,),): 6.0, ((1,),): 3.0, ((0, 1),): 2.0})


def test_uneven_seeds_are_weighted_as_in_a_regression_over_seeds():
    states, counts = full(3), [3, 1, 4, 2, 3, 3, 5, 2]
    means = np.array([0.50, 0.61, 0.47, 0.70, 0.66, 0.58, 0.73, 0.81])
    signs = np.repeat(np.where(states, 1.0, -1.0), counts, axis=0)
    pairs = [signs[:, i] * signs[:, j] for i, j in combinations(range(3), 2)]
    x = np.column_stack([np.ones(len(signs)), *signs.T, *pairs])
    expected = 2 * np.linalg.lstsq(x, np.repeat(means, counts), rcond=None)[0][1:]
    assert list(effects(states, means, counts).values()) == pytest.approx(expected.tolist())


def test_weights_sum_to_zero():
    weights = effect_weights(full(4), [3] * 16)
    assert np.abs([row.sum() for row in weights.values()]).max() < 1e-12


def test_a_half_of_three_factors_names_what_it_does_not_tell_apart():
    states = np.array([row for row in full(3) if row.sum() in (1, 3)])  # the product is +1
    assert list(effect_weights(states, [1] * 4)) == [
        ((0,), (1, 2)), ((1,), (0, 2)), ((2,), (0, 1)),
    ]  # fmt: skip


def test_too_few_rows_leave_the_effects_undetermined():
    assert effect_weights(full(3)[:5], [3] * 5) is None
