"""What the rows differ by from the baseline."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from titn.reporting import figures
from titn.reporting.answers import why_unranked
from titn.reporting.comparisons.differences import Difference
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import bounds, p_value, points_interval
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.row_names import display_names
from titn.reporting.statistics.intervals import Interval
from titn.reporting.statistics.t_tests import Comparison
from titn.system.text import points


def differences_section(
    evidence: Evidence, differences: list[Difference], files: OutputFiles
) -> list[str]:
    """The differences' table and figure; nothing if there is nothing to compare."""
    baseline = evidence.baseline
    if baseline is None or not differences:
        return []
    called = display_names(evidence.rows)
    rows = [
        _Drawn(called[difference.row.label], difference, _by_seed(difference.row, baseline))
        for difference in differences
    ]
    columns = [
        "row", "difference (points)", "Welch 95%", "p", "paired 95%", "r", "seeds and images 95%",
        "Holm p", "detectable",
    ]  # fmt: skip
    name = called[baseline.label]
    figures.draw_differences(
        files.path("differences.svg"),
        [row.in_figure() for row in rows],
        xlabel=f"top-1 less that of {name}",
    )
    is_ranking = why_unranked(evidence) is None
    frame = pd.DataFrame([row.record(name, is_ranking) for row in rows])
    link = files.save_csv("differences", frame)
    return [
        f"### Difference from {escape(name)}",
        files.image("differences.svg", f"difference from {name}"),
        table(columns, [row.line() for row in rows]),
        "Percentage points of top-1. Welch compares the two groups of seeds; the paired interval "
        "compares seed by seed, and r is the correlation over seeds that the pairing found; the "
        "third interval covers other seeds and other test images. Holm's p corrects the paired p, "
        "or Welch's where fewer than two seeds are shared, for the number of rows. Detectable is "
        "the smallest true difference that such a test with so many seeds would find four times "
        f"in five, given how much they vary. {_partly(differences)}{link}",
    ]


@dataclass(frozen=True)
class _Drawn:
    """A difference as the page shows it. by_seed: of the seeds that both rows have."""

    name: str
    difference: Difference
    by_seed: list[float]

    @property
    def correlation(self) -> float | None:
        # Two pairs are correlated by -1 or 1, whatever they are.
        paired = self.difference.paired
        return paired.correlation if paired and len(self.by_seed) > 2 else None

    def line(self) -> list[str]:
        own, correlation = self.difference, self.correlation
        return [
            escape(self.name),
            points(own.estimate),
            _interval(own.welch),
            p_value(own.welch.p if own.welch else None),
            _interval(own.paired),
            "–" if correlation is None else f"{correlation:+.2f}",
            _interval(own.over_seeds_and_images),
            p_value(own.holm_p),
            points(own.detectable).lstrip("+"),
        ]

    def record(self, baseline: str, is_ranking: bool) -> dict[str, Any]:
        """A line of the CSV."""
        own = self.difference
        return {
            "row": self.name,
            "baseline": baseline,
            "difference": own.estimate,
            **bounds("welch", own.welch),
            "welch_p": own.welch.p if own.welch else None,
            **bounds("paired", own.paired),
            "paired_p": own.paired.p if own.paired else None,
            "correlation": self.correlation,
            "num_pairs": len(self.by_seed),
            **bounds("seeds_and_images", own.over_seeds_and_images),
            "holm_p": own.holm_p,
            "detectable": own.detectable,
            "verdict": own.verdict if is_ranking and own.is_ranked else "not ranked",
        }

    def in_figure(self) -> figures.IntervalRow:
        """With the mean of the seeds that are drawn, if there are any."""
        interval = self.difference.over_seeds_and_images
        if interval:
            return figures.IntervalRow(
                self.name, interval.estimate, interval.low, interval.high, self.by_seed
            )
        drawn = sum(self.by_seed) / len(self.by_seed) if self.by_seed else None
        estimate = self.difference.estimate if drawn is None else drawn
        return figures.IntervalRow(self.name, estimate, seeds=self.by_seed)


def _interval(interval: Interval | Comparison | None) -> str:
    return points_interval(interval.low, interval.high) if interval else "–"


def _partly(differences: list[Difference]) -> str:
    """Which rows are paired by fewer seeds than they or the baseline have."""
    rows = [
        escape(difference.row.label) for difference in differences if difference.is_partly_paired
    ]
    if not rows:
        return ""
    return (
        "The difference is of the means over all seeds, r and what is paired of the seeds that "
        f"both rows have, which are fewer for {', '.join(rows)}. "
    )


def _by_seed(row: Row, baseline: Row) -> list[float]:
    shared = [seed for seed in row.runs if seed in baseline.runs]
    return [row.runs[seed]["top1"] - baseline.runs[seed]["top1"] for seed in shared]
