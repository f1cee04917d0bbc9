"""The rows that a question compares with each other, besides with its baseline."""

from collections.abc import Sequence

import pandas as pd

from titn.reporting.comparisons.differences import Difference
from titn.reporting.formats import IMAGES_NOTE, bounds, interval_or_images
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles
from titn.system.text import counted, percent, points


def pairs_section(
    found: Sequence[Difference], called: dict[str, str], files: OutputFiles
) -> list[str]:
    """A table of the pairs that have records, and how they were compared; nothing without any.

    called: label -> what the page calls the row.
    """
    if not found:
        return []
    link = files.save_csv("pairs", pd.DataFrame([_record(one, called) for one in found]))
    detectable = [one.detectable for one in found if one.detectable and not one.unjudged]
    power = ""
    if detectable:
        power = f" A difference of {percent(max(detectable), 1)} points is detected with 80% power."
    note = (
        f" {IMAGES_NOTE}" if any(one.interval is None and one.images_alone for one in found) else ""
    )
    how = f"The intervals hold for {counted(len(found), 'pair')} together.{power}{note} {link}"
    columns = ["pair", "difference (points)", "95%, all pairs together", "the first is"]
    return [table(columns, [_line(one, called) for one in found]), how]


def _line(one: Difference, called: dict[str, str]) -> list[str]:
    return [
        escape(_name(one, called)),
        points(one.estimate),
        interval_or_images(one.interval, one.images_alone, points),
        escape(one.verdict_text),
    ]


def _name(one: Difference, called: dict[str, str]) -> str:
    return f"{called[one.row.label]} minus {called[one.other.label]}"


def _record(one: Difference, called: dict[str, str]) -> dict[str, object]:
    """A line of the CSV."""
    return {
        "first": called[one.row.label],
        "second": called[one.other.label],
        "difference": one.estimate,
        **bounds("difference", one.interval),
        **bounds("difference_images", one.images_alone),
        "verdict": "no verdict" if one.unjudged else one.verdict,
        "margin": one.margin,
        "detectable": one.detectable,
        "remarks": one.verdict_text,
    }
