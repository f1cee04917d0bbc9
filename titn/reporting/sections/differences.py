"""What the rows differ by from the baseline."""

import pandas as pd

from titn.reporting import comparisons as co
from titn.reporting import figures
from titn.reporting.answers import unranked
from titn.reporting.evidence import Evidence, Row
from titn.reporting.formats import bounds, p_value, span
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import Place
from titn.reporting.row_names import names
from titn.system.text import points


def against_baseline(evidence: Evidence, found: list[co.Difference], place: Place) -> list[str]:
    """The differences' table and figure; nothing where there is nothing to compare."""
    baseline = evidence.baseline
    if baseline is None or not found:
        return []
    called = names(evidence.rows)
    ranked = unranked(evidence) is None
    seeds = [_per_seed(one.row, baseline) for one in found]
    lines, records = [], []
    for one, per_seed in zip(found, seeds, strict=True):
        paired, welch = one.paired, one.welch
        # Two pairs are correlated by -1 or 1, whatever they are.
        correlation = paired.correlation if paired and len(per_seed) > 2 else None
        lines.append(
            [
                escape(called[one.row.label]),
                points(one.estimate),
                span(welch.low, welch.high) if welch else "–",
                p_value(welch.p if welch else None),
                span(paired.low, paired.high) if paired else "–",
                "–" if correlation is None else f"{correlation:+.2f}",
                span(one.both.low, one.both.high) if one.both else "–",
                p_value(one.corrected),
                points(one.detectable).lstrip("+"),
            ]
        )
        records.append(
            {
                "row": called[one.row.label],
                "baseline": called[baseline.label],
                "difference": one.estimate,
                "welch_low": welch.low if welch else None,
                "welch_high": welch.high if welch else None,
                "welch_p": welch.p if welch else None,
                "paired_low": paired.low if paired else None,
                "paired_high": paired.high if paired else None,
                "paired_p": paired.p if paired else None,
                "correlation": correlation,
                "num_pairs": len(per_seed),
                **bounds("seeds_and_images", one.both),
                "holm_p": one.corrected,
                "detectable": one.detectable,
                "verdict": one.verdict if ranked and one.is_ranked else "not ranked",
            }
        )
    columns = [
        "row", "difference (points)", "Welch 95%", "p", "paired 95%", "r", "seeds and images 95%",
        "Holm p", "detectable",
    ]  # fmt: skip
    figures.differences(
        place.path("differences.svg"),
        [
            figures.Row(
                called[one.row.label],
                _drawn(one, per_seed),
                one.both.low if one.both else None,
                one.both.high if one.both else None,
                per_seed,
            )
            for one, per_seed in zip(found, seeds, strict=True)
        ],
        xlabel=f"top-1 less that of {called[baseline.label]}",
    )
    link = place.written("differences", pd.DataFrame(records))
    return [
        f"### Difference from {escape(called[baseline.label])}",
        place.image("differences.svg", f"difference from {called[baseline.label]}"),
        table(columns, lines),
        "Percentage points of top-1. Welch compares the two groups of seeds; the paired interval "
        "compares seed by seed, and r is the correlation over seeds that the pairing found; the "
        "third interval covers other seeds and other test images. Holm's p corrects the paired p, "
        "or Welch's where fewer than two seeds are shared, for the number of rows. Detectable is "
        "the smallest true difference that such a test with so many seeds would find four times "
        f"in five, given how much they vary. {_partly(found)}{link}",
    ]


def _partly(found: list[co.Difference]) -> str:
    """Which rows are paired by fewer seeds than they or the baseline have."""
    rows = [escape(one.row.label) for one in found if one.partly_paired]
    if not rows:
        return ""
    return (
        "The difference is of the means over all seeds, r and what is paired of the seeds that "
        f"both rows have, which are fewer for {', '.join(rows)}. "
    )


def _drawn(one: co.Difference, per_seed: list[float]) -> float:
    """The mean of the seeds that are drawn under it, where there are any."""
    if one.both:
        return one.both.estimate
    return sum(per_seed) / len(per_seed) if per_seed else one.estimate


def _per_seed(row: Row, baseline: Row) -> list[float]:
    shared = [seed for seed in row.runs if seed in baseline.runs]
    return [row.runs[seed]["top1"] - baseline.runs[seed]["top1"] for seed in shared]
