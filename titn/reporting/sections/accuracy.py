"""The level of every row."""

import pandas as pd

from titn.reporting import comparisons as co
from titn.reporting import figures
from titn.reporting.evidence import Evidence, Row
from titn.reporting.formats import bounds, interval_in_percent, mean, plain
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import Place
from titn.reporting.row_names import names
from titn.reporting.sections.printed_numbers import printed_top1
from titn.system.text import percent


def accuracy(evidence: Evidence, levels: list[co.Level], place: Place) -> list[str]:
    """Level of every row, with figure."""
    called = names(evidence.rows)
    by_label = {one.row.label: one for one in levels}
    lines, records = [], []
    for row in evidence.rows:
        level = by_label.get(row.label)
        seeds, both = (level.seeds, level.both) if level else (None, None)
        best, top5, nll = (row.values(key) for key in ("best_top1", "top5", "nll"))
        lines.append(
            [
                _emphasised(called[row.label], evidence.baseline is row),
                percent(level.mean) if level else "–",
                interval_in_percent(seeds),
                interval_in_percent(both),
                percent(mean(top5)),
                plain(mean(nll), digits=3),
                percent(mean(best)),
                str(len(row.runs)),
                _remarks(row),
            ]
        )
        records.append(
            {
                "row": called[row.label],
                "num_seeds": len(row.runs),
                "top1": level.mean if level else None,
                **bounds("seeds", seeds),
                **bounds("seeds_and_images", both),
                **{key: mean(row.values(key)) for key in
                   ("top5", "nll", "precision", "recall", "f1", "ece", "best_top1")},
                "remarks": _remarks(row),
            }
        )  # fmt: skip
    printed = printed_top1(evidence) or {}
    columns = [
        "row", "top-1 (%)", "95% over seeds", "95% over seeds and images", "top-5 (%)", "NLL",
        "best epoch (%)", "seeds", "",
    ]  # fmt: skip
    figures.intervals(
        place.path("accuracy.svg"),
        [_figure_row(called[row.label], by_label.get(row.label), row) for row in evidence.rows],
        xlabel="top-1 accuracy after the last epoch",
        printed={called[row]: printed[row] for row in printed if row in called},
        missing={called[row.label]: _why_not(row) for row in evidence.rows if not row.runs},
    )
    link = place.written("accuracy", pd.DataFrame(records))
    return [
        "### Accuracy",
        place.image("accuracy.svg", "top-1 accuracy of each row with its interval"),
        table(columns, lines),
        "After the last epoch. The first interval is a t interval over seeds; the second also "
        "covers another draw of test images; of one seed there is neither. The best epoch is "
        "chosen on the images that it is measured on: it is what papers often print, and decides "
        f"nothing here. {link}",
    ]


def _figure_row(name: str, level: co.Level | None, row: Row) -> figures.Row:
    if level is None:
        return figures.Row(name, None)
    low, high = (level.both.low, level.both.high) if level.both else (None, None)
    return figures.Row(name, level.mean, low, high, row.values("top1").tolist())


def _remarks(row: Row) -> str:
    return "; ".join([*row.remarks(), *(["one seed"] if len(row.runs) == 1 else [])])


def _why_not(row: Row) -> str:
    return "; ".join(row.remarks()) or "no cells"


def _emphasised(text: str, is_baseline: bool) -> str:
    return f"**{escape(text)}**" if is_baseline else escape(text)
