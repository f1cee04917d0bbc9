"""What pages call rows."""

from collections.abc import Sequence

from titn.reporting.evidence.row import Row
from titn.reporting.formats import number


def display_names(rows: Sequence[Row]) -> dict[str, str]:
    """label -> the label, with the tuned values that the row chose on the validation split."""
    labels = {row.label for row in rows}
    called: dict[str, str] = {}
    for row in rows:
        chosen = [f"{key.rpartition('.')[2]} {number(value)}" for key, value in row.tuned.items()]
        name = ", ".join([row.label, *chosen])
        is_taken = name in called.values() or (chosen and name in labels)
        called[row.label] = f"{name} ({row.label})" if is_taken else name
    return called
