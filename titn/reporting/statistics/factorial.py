"""Main effects and pairwise interactions of two-level designs, as contrasts of the rows' means.

The linear model of a mean y of a row whose factors are x = -1 or +1:

    y = b + sum_i b_i x_i + sum_ij b_ij x_i x_j

An effect is 2 b, as textbooks define it (Box, Hunter and Hunter, 2005, chapter 5): a main effect is
the mean with the factor less the mean without it; an interaction of two is half of what one does
more with the other than without it. In a full factorial the effects are these contrasts exactly.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# One factor, or two.
Term = tuple[int, ...]


def effect_weights(
    states: NDArray[np.bool_], counts: Sequence[int]
) -> dict[tuple[Term, ...], Floats] | None:
    """Terms that the design does not tell apart -> (r,) weights of the rows' means in their effect.

    states: (r, k) whether a row has each factor. counts: (r,) seeds, by which rows are weighted.
    The first term of a key has the sign of the effect. None if the rows are too few.
    """
    coded = np.where(states, 1.0, -1.0)
    columns: dict[bytes, Floats] = {}
    members: dict[bytes, list[Term]] = {}
    num = coded.shape[1]
    for term in (*((i,) for i in range(num)), *combinations(range(num), 2)):
        column = coded[:, term].prod(1)
        key = (column * column[0]).tobytes()  # alike but for a sign: the same to the data
        columns.setdefault(key, column)
        members.setdefault(key, []).append(term)
    x = np.column_stack([np.ones(len(coded)), *columns.values()])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    root = np.sqrt(np.asarray(counts, dtype=float))
    solution = np.linalg.pinv(root[:, None] * x) * root  # (1 + effects, r)
    # Zeros are zeros, so that a row without a weight is not needed.
    weights = 2 * np.where(np.abs(solution) < 1e-12, 0.0, solution)[1:]
    return {tuple(terms): row for terms, row in zip(members.values(), weights, strict=True)}
