"""What pages call rows."""

from collections.abc import Sequence

from titn.reporting.evidence.row import Row
from titn.reporting.formats import number


def display_names(rows: Sequence[Row]) -> dict[str, str]:
    """label -> the label, with the tuned values that the row chose on the validation split."""
    called = {}
    for row in rows:
        chosen = [f"{key.rpartition('.')[2]} {number(value)}" for key, value in row.tuned.items()]
        called[row.label] = ", ".join([row.label, *chosen])
    return called
