"""The paper's numbers and ours, side by side."""

from typing import Any

import pandas as pd

from titn.paper.departures import other_task
from titn.paper.printed import printed_table
from titn.records.question import Question
from titn.reporting.comparisons.claims import flat_config, metric_name
from titn.reporting.comparisons.sizes import SIZE_METRICS, printed_size
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import mean_or_none
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles
from titn.system.text import percent

# That a page can show beside the names of rows.
MOST_METRICS = 3


def printed_numbers_section(
    evidence: Evidence, question: Question | None, files: OutputFiles
) -> list[str]:
    """A table with two columns for each of three metrics that the paper prints; the CSV has all.

    Accuracies of other data or other classes do not stand beside the print: then nothing does, and
    sizes are among the claims.
    """
    if question is None or question.printed is None or not _is_comparable(evidence, question):
        return []
    paper = printed_table(question.printed).set_index("row")
    metrics = [metric for metric in question.margins if metric in paper]
    shown = metrics[:MOST_METRICS]
    lines, records = [], []
    for row in evidence.rows:
        line = [escape(row.label)]
        record: dict[str, Any] = {"row": row.label, "num_seeds": len(row.runs)}
        for metric in metrics:
            theirs = paper[metric].get(row.label)
            ours = _ours(row, metric, question.printed)
            record |= {f"{metric}_printed": theirs, metric: ours}
            if metric in shown:
                line += [_shown(metric, theirs), _shown(metric, ours)]
        lines.append(line)
        records.append(record | {"best_top1": mean_or_none(row.values("best_top1"))})
    columns = ["row"]
    for metric in shown:
        unit = "" if metric in SIZE_METRICS else " (%)"
        columns += [f"{metric_name(metric)}{unit} printed", "ours"]
    said = "An en dash: not printed, or not run."
    if not evidence.is_untrained:
        said = (
            "Ours are means over seeds after the last epoch. The paper prints a maximum of test "
            f"accuracy over epochs (section 4.2). {said}"
        )
    link = files.save_csv("paper", pd.DataFrame(records))
    return [table(columns, lines), f"{said} {link}"]


def _ours(row: Row, metric: str, name: str) -> float | None:
    """A mean over seeds; a size is that of a network with the printed number of classes."""
    if metric in SIZE_METRICS:
        return printed_size(row, metric, _dataset(name), name)
    return mean_or_none(row.values(metric))


def _dataset(name: str) -> str:
    """Of a table of the paper; table 1, which has no results, is about the sizes of table 3."""
    paper = printed_table(name)
    return str(paper["dataset"].iloc[0]) if "dataset" in paper else "cifar100"


def printed_top1(evidence: Evidence) -> dict[str, float] | None:
    """label -> the top-1 that the paper prints; None without a table of these rows, or if our data
    or classes are others than the table's."""
    question = evidence.question
    if question is None or question.printed is None or not _is_comparable(evidence, question):
        return None
    paper = printed_table(question.printed)
    if "top1" not in paper:
        return None
    return dict(zip(paper["row"], paper["top1"], strict=True))


def _is_comparable(evidence: Evidence, question: Question) -> bool:
    """Whether the runs have the table's data set with all of its classes."""
    if evidence.is_untrained:
        return True
    assert question.printed is not None
    row, dataset = evidence.reference, _dataset(question.printed)
    return row is not None and not other_task(flat_config(row.any_run or {}), dataset)


def _shown(metric: str, value: float | None) -> str:
    if value is None or pd.isna(value):
        return "–"
    return f"{value:.2f}" if metric in SIZE_METRICS else percent(value)
