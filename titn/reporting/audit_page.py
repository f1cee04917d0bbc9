"""An audit as a page, a sentence and a table."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import get_args

import pandas as pd

from titn.paper.audit.findings import (
    SCALE,
    Audit,
    Check,
    Contradiction,
    Unit,
    Untested,
    Verdict,
)
from titn.reporting.markdown import escape, table

# What a unit is called on the page.
SYMBOL: Mapping[Unit, str] = {
    "accuracy": "%",
    "difference": "points",
    "million": "M",
    "GFLOPs": "G",
}


def page(audit: Audit) -> str:
    """The audit in Markdown: fractions as percent and percentage points, differences in bold."""
    sections = [
        "# The paper's numbers, recomputed",
        "What the paper prints, beside what follows from its other numbers and from closed "
        "formulas for the networks that it describes. Nothing here was measured.",
        summary(audit),
        "*Equal*: rounded as the print is, the recomputed number is the printed one. *Within "
        "rounding*: it can be, because the numbers that it was computed from are rounded "
        "themselves, or because the print was cut and not rounded (parameters: within 0.01 "
        "million). *Differs*: it cannot be.",
        "## Numbers",
        *_tables_of(audit.checks),
        "## Contradictions",
        "\n".join(_bullet(one) for one in audit.contradictions),
        "## Claimed and not tested",
        table(
            ("claim", "section", "asked here by", "what is missing"),
            [_untested_row(one) for one in audit.untested],
            left=4,
        ),
    ]
    return "\n\n".join(sections) + "\n"


def summary(audit: Audit) -> str:
    """How much was found, in a sentence."""
    equal, within, differ = (
        sum(one.verdict == verdict for one in audit.checks) for verdict in get_args(Verdict)
    )
    return (
        f"{len(audit.checks)} checks of printed numbers: {equal} equal, {within} within rounding, "
        f"{differ} differ; contradictions: {len(audit.contradictions)}; claims without a test: "
        f"{len(audit.untested)}."
    )


def _tables_of(checks: tuple[Check, ...]) -> Iterator[str]:
    for part in dict.fromkeys(one.part for one in checks):
        yield f"### {part}"
        yield table(
            ("what", "where", "verdict", "note", "unit", "printed", "recomputed"),
            [_check_row(one) for one in checks if one.part == part],
            left=4,
        )


def _check_row(one: Check) -> list[str]:
    verdict = f"**{one.verdict}**" if one.verdict == "differs" else one.verdict
    return [
        escape(one.what),
        escape(one.source),
        verdict,
        escape(one.note),
        SYMBOL.get(one.unit, ""),
        shown(one.printed, one.unit, one.digits),
        shown(one.recomputed, one.unit, one.digits),
    ]


def shown(value: float, unit: Unit, digits: int) -> str:
    """With `digits` decimals, and up to two more that are not zero."""
    whole, _, decimals = f"{value * SCALE.get(unit, 1.0):.{digits + 2}f}".partition(".")
    decimals = decimals[:digits] + decimals[digits:].rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def _bullet(one: Contradiction) -> str:
    said = " ".join(filter(None, [one.one, one.other, one.remark]))
    return f"- **{escape(one.about)}.** {escape(said)}"


def _untested_row(one: Untested) -> list[str]:
    sweeps = ", ".join(f"`{sweep}`" for sweep in one.sweeps) or "–"
    return [escape(one.claim), escape(one.section), sweeps, escape(one.remark)]


def frame(audit: Audit) -> pd.DataFrame:
    """The checks, a line each; accuracies and differences are fractions."""
    columns = [asdict(one) for one in audit.checks]
    return pd.DataFrame(columns).drop(columns="digits")
