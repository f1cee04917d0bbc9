"""What pages call rows."""

from collections.abc import Sequence

from titn.reporting.evidence import Row


def names(rows: Sequence[Row]) -> dict[str, str]:
    """label -> the label, with the values that the row chose for itself."""
    called = {}
    for row in rows:
        chosen = [f"{key.rpartition('.')[2]} {value:g}" for key, value in row.tuned.items()]
        called[row.label] = ", ".join([row.label, *chosen])
    return called
