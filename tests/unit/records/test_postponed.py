"""What a postponed request says it would cost."""

import pytest

from titn.records.postponed import Postponed


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"num_cells": 1}, "1 cell"),
        (
            {"num_cells": 2, "num_teachers": 1, "secs": 5400.0, "hardware": "A CPU, 1 thread"},
            "2 cells and 1 teacher: 1.5 hours on A CPU, 1 thread, estimated from past cells",
        ),
        (
            {"num_cells": 2, "secs": 36e5, "unknown": ["vit", "tnt"], "hardware": "A GPU"},
            "2 cells: more than 1000 hours on A GPU, estimated from past cells; "
            "no past cell tells how long vit, tnt takes",
        ),
    ],
)
def test_a_postponed_request_says_what_it_would_cost(known, said):
    assert Postponed([], ["a"], [0], reason="no time", command="titn-train", **known).needs == said
