"""An audit as a page, a sentence and a table."""

from collections.abc import Iterator, Mapping, Sequence
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
from titn.reporting.markdown import escape, fold, table

# What a unit is called on the page.
SYMBOL: Mapping[Unit, str] = {
    "accuracy": "%",
    "difference": "points",
    "million": "M",
    "GFLOPs": "G",
}


def page(audit: Audit) -> str:
    """The audit in Markdown, what does not fit first; fractions as percent and points."""
    differ = [check for check in audit.checks if check.verdict == "differs"]
    others = [check for check in audit.checks if check.verdict != "differs"]
    sections = [
        "# The paper's numbers, recomputed",
        "What the paper prints, beside what follows from its other numbers and from closed "
        "formulas for the networks that it describes. Nothing here was measured.",
        summary(audit),
        "*Equal*: rounded as the print is, the recomputed number is the printed one. *Within "
        "rounding*: it can be, because the numbers that it was computed from are rounded "
        "themselves, or because the print was cut and not rounded (parameters: within 0.01 "
        "million). *Differs*: it cannot be.",
        "## Contradictions",
        "\n".join(_bullet(contradiction) for contradiction in audit.contradictions),
        "## Numbers that differ",
        *_tables_of(differ),
        fold(f"Numbers that are equal, or within rounding ({len(others)})", [*_tables_of(others)]),
        "## Claimed and not tested",
        table(
            ("claim", "section", "asked here by", "what is missing"),
            [_untested_row(claim) for claim in audit.untested],
            left=4,
        ),
    ]
    return "\n\n".join(sections) + "\n"


def summary(audit: Audit) -> str:
    """How much was found, in a sentence."""
    equal, within, differ = (
        sum(check.verdict == verdict for check in audit.checks) for verdict in get_args(Verdict)
    )
    return (
        f"{len(audit.checks)} checks of printed numbers: {equal} equal, {within} within rounding, "
        f"{differ} differ; contradictions: {len(audit.contradictions)}; claims without a test: "
        f"{len(audit.untested)}."
    )


def _tables_of(checks: Sequence[Check]) -> Iterator[str]:
    for part in dict.fromkeys(check.part for check in checks):
        yield f"### {part}"
        yield table(
            ("what", "where", "verdict", "note", "unit", "printed", "recomputed"),
            [_check_row(check) for check in checks if check.part == part],
            left=4,
        )


def _check_row(check: Check) -> list[str]:
    verdict = f"**{check.verdict}**" if check.verdict == "differs" else check.verdict
    return [
        escape(check.what),
        escape(check.source),
        verdict,
        escape(check.note),
        SYMBOL.get(check.unit, ""),
        shown(check.printed, check.unit, check.digits),
        shown(check.recomputed, check.unit, check.digits),
    ]


def shown(value: float, unit: Unit, digits: int) -> str:
    """With `digits` decimals, and up to two more that are not zero."""
    whole, _, decimals = f"{value * SCALE.get(unit, 1.0):.{digits + 2}f}".partition(".")
    decimals = decimals[:digits] + decimals[digits:].rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def _bullet(contradiction: Contradiction) -> str:
    places = (contradiction.first, contradiction.second, contradiction.remark)
    return f"- **{escape(contradiction.about)}.** {escape(' '.join(filter(None, places)))}"


def _untested_row(claim: Untested) -> list[str]:
    sweeps = ", ".join(f"`{sweep}`" for sweep in claim.sweeps) or "–"
    return [escape(claim.claim), escape(claim.section), sweeps, escape(claim.remark)]


def frame(audit: Audit) -> pd.DataFrame:
    """The checks, a line each; accuracies and differences are fractions."""
    columns = [asdict(check) for check in audit.checks]
    return pd.DataFrame(columns).drop(columns="digits")
