"""Fractions of factorial designs, against the tables of textbooks."""

import numpy as np
import pytest

from titn.sweeps.ablation.fractions import Fraction, best_fraction


@pytest.mark.parametrize(
    ("factors", "halvings", "resolution"),
    # Box, Hunter and Hunter, 2005, table 6.22.
    [(3, 1, 3), (4, 1, 4), (5, 1, 5), (5, 2, 3), (6, 1, 6), (6, 2, 4), (6, 3, 3), (7, 1, 7),
     (7, 2, 4), (7, 3, 4), (7, 4, 3), (8, 2, 5), (8, 3, 4), (8, 4, 4)],
)  # fmt: skip
def test_a_fraction_has_the_highest_resolution(factors, halvings, resolution):
    assert best_fraction(factors, halvings).resolution == resolution


def test_of_one_resolution_the_fraction_with_the_fewest_short_words_is_taken():
    # 2^(7-2): one word of four letters, of minimum aberration (Fries and Hunter, 1980).
    lengths = sorted(word.bit_count() for word in best_fraction(7, 2).words)
    assert lengths == [4, 5, 5]


@pytest.mark.parametrize(("factors", "halvings"), [(4, 1), (5, 2), (7, 4)])
def test_main_effects_are_orthogonal(factors, halvings):
    signs = np.where(best_fraction(factors, halvings).states(), 1, -1)
    assert (signs.T @ signs == len(signs) * np.eye(factors)).all()


def test_the_row_with_all_changes_is_in_a_fraction():
    assert (True,) * 5 in best_fraction(5, 2).states()


def test_a_full_design_has_all_rows_and_no_resolution():
    whole = best_fraction(3, 0)
    assert (len(set(whole.states())), whole.resolution) == (8, None)


def test_a_part_that_would_mix_up_main_effects_is_none():
    assert best_fraction(3, 2) is None


def test_a_pair_is_mixed_up_with_the_other_pair_of_its_word():
    # D = ABC: AB = CD.
    assert Fraction(4, (0b111,)).aliases(0b0011) == [0b1100]
