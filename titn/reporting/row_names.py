"""What pages call rows."""

from collections.abc import Sequence

from titn.reporting.comparisons.teachers import untaught_students
from titn.reporting.evidence.row import Row
from titn.reporting.formats import number


def display_names(rows: Sequence[Row]) -> dict[str, str]:
    """label -> the label, with the tuned values that the row chose on the validation split.

    Of a student without a teacher beside others that have one it is said, unless the label does.
    """
    labels = {row.label for row in rows}
    untaught = {row.label for row in untaught_students(rows) if "teacher" not in row.label.lower()}
    called: dict[str, str] = {}
    for row in rows:
        chosen = [f"{key.rpartition('.')[2]} {number(value)}" for key, value in row.tuned.items()]
        name = ", ".join([row.label, *chosen])
        if row.label in untaught:
            name += " (no teacher)"
        is_taken = name in called.values() or (name != row.label and name in labels)
        called[row.label] = f"{name} ({row.label})" if is_taken else name
    return called
