"""Behind the main table: the other metrics, and what the seeds of all rows say together."""

from collections.abc import Sequence

from titn.reporting.comparisons.table_model import TableModel
from titn.reporting.formats import fixed_point, mean_or_none, p_value, percent_interval
from titn.reporting.markdown import escape, table
from titn.reporting.sections.overview import Standing
from titn.system.text import counted, percent, points


def levels_section(rows: Sequence[Standing]) -> list[str]:
    """Top-5, negative log-likelihood, calibration and the best epoch of every recorded row."""
    columns = ["row", "top-1 (%)", "95%", "top-5 (%)", "NLL", "ECE", "best epoch (%)"]
    lines = [
        [
            escape(row.name),
            percent(row.level.mean),
            percent_interval(row.level.interval, row.level.images_alone),
            percent(mean_or_none(row.row.values("top5"))),
            fixed_point(mean_or_none(row.row.values("nll")), digits=3),
            fixed_point(mean_or_none(row.row.values("ece")), digits=3),
            percent(mean_or_none(row.row.values("best_top1"))),
        ]
        for row in rows
        if row.level
    ]
    return [
        table(columns, lines),
        "NLL: negative log-likelihood; ECE: expected calibration error. The best epoch is chosen "
        "on the images that it is measured on. Papers often print it; no verdict depends on it.",
    ]


def certainty_section(rows: Sequence[Standing], model: TableModel) -> list[str]:
    """What the rule found of the seeds, and which difference it would find of each row."""
    columns = ["row", "difference (points)", "detected with 80% power", "no larger than"]
    lines = [
        [
            escape(row.name),
            points(row.difference.estimate),
            percent(row.difference.detectable),
            percent(row.difference.excluded),
        ]
        for row in rows
        if row.difference and row.difference.interval
    ]
    if not lines:
        return []
    return [_of_seeds(model), table(columns, lines)]


def _of_seeds(model: TableModel) -> str:
    seeds = model.seeds
    assert seeds is not None
    tested = [
        f"equal variances: p {p_value(seeds.variances_p)}" if seeds.variances_p is not None else "",
        f"no effect of a seed on all rows: p {p_value(seeds.seeds_p)}"
        if seeds.seeds_p is not None
        else "",
    ]
    in_brackets = "; ".join(filter(None, tested))
    in_brackets = f" ({in_brackets})" if in_brackets else ""
    if seeds.form == "separate":
        return (
            f"Rows differ in how much their seeds vary{in_brackets}, so that each has its own "
            "variance: Welch's test, with Sidak's correction for the number of rows."
        )
    deviation = percent(seeds.variances[0] ** 0.5)
    text = (
        f"The standard deviation over the seeds of a row is {deviation} points, pooled over "
        f"{counted(len(model.rows), 'row')}{in_brackets}."
    )
    if seeds.paired:
        text += (
            " A part of it is common to all rows of a seed and cancels in differences; the rest, "
            f"{percent(seeds.paired[0] ** 0.5)} points, does not."
        )
    if seeds.num_raised:
        text += (
            f" The seeds of {counted(seeds.num_raised, 'row')} agree more closely than equally "
            "good networks would on these images; the deviation of such networks was taken instead."
        )
    return f"{text} Differences are judged by Dunnett's test, which covers all rows at once."
