"""The paper's numbers and ours, side by side."""

from typing import Any

import pandas as pd

from titn.questions import Question
from titn.reporting.comparisons import COUNTED, metric_name
from titn.reporting.evidence import Evidence
from titn.reporting.markdown import escape, percent, table
from titn.reporting.paper import printed
from titn.reporting.place import Place


def beside_the_paper(evidence: Evidence, question: Question | None, place: Place) -> list[str]:
    """A table with two columns for each metric that the paper's table prints of these rows."""
    if question is None or question.printed is None:
        return []
    paper = printed(question.printed).set_index("row")
    metrics = [metric for metric in question.margins if metric in paper]
    lines, records = [], []
    for row in evidence.rows:
        line = [escape(row.label)]
        record: dict[str, Any] = {"row": row.label, "num_seeds": len(row.runs)}
        for metric in metrics:
            theirs = paper[metric].get(row.label)
            values = row.values(metric)
            ours = float(values.mean()) if len(values) else None
            record |= {f"{metric}_printed": theirs, metric: ours}
            line += [_shown(metric, theirs), _shown(metric, ours)]
        best = row.values("best_top1")
        record["best_top1"] = float(best.mean()) if len(best) else None
        lines.append([*line, percent(record["best_top1"])])
        records.append(record)
    columns = ["row"]
    for metric in metrics:
        unit = "" if metric in COUNTED else " (%)"
        columns += [f"{metric_name(metric)}{unit} printed", "ours"]
    link = place.written("paper", pd.DataFrame(records))
    return [
        f"### {question.printed.replace('table', 'Table ').replace('figure', 'Figure ')} and ours",
        table([*columns, "best epoch (%)"], lines),
        "Ours are means over seeds after the last epoch. The paper prints a maximum of test "
        "accuracy over epochs (section 4.2), which is beside ours in the last column. An en dash: "
        f"not printed, or not run. {link}",
    ]


def printed_top1(evidence: Evidence) -> dict[str, float] | None:
    """label -> the top-1 that the paper prints; None without a table of these rows."""
    question = evidence.question
    if question is None or question.printed is None:
        return None
    paper = printed(question.printed)
    if "top1" not in paper:
        return None
    return dict(zip(paper["row"], paper["top1"], strict=True))


def _shown(metric: str, value: float | None) -> str:
    if value is None or pd.isna(value):
        return "–"
    return f"{value:.2f}" if metric in COUNTED else percent(value)
