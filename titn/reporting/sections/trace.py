"""Where numbers come from: the cells, and how values were chosen."""

from typing import Any

import pandas as pd

from titn.records.cell_state import DONE
from titn.records.sweep_plan import PlannedCell
from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import fixed_point, mean_or_none, number
from titn.reporting.markdown import escape, fold, table
from titn.reporting.output_files import OutputFiles
from titn.reporting.provenance import count_steps, distinct, hardware, hours, optimizer_text
from titn.reporting.sections.candidates import CHOSEN_ON_VALIDATION, is_at_an_end, state_and_top1
from titn.system.text import counted, percent


def tuning_section(evidence: Evidence, files: OutputFiles) -> list[str]:
    """How rows chose their values: the candidates on the validation split."""
    if not evidence.candidates:
        return []
    chosen = {row.label: row.tuned for row in evidence.rows}
    at_ends = []
    lines, records = [], []
    for cell, run in sorted(evidence.candidates, key=lambda pair: _order(pair[0], evidence)):
        values = ", ".join(f"{key}={number(value)}" for key, value in cell.tuned.items())
        state, top1 = state_and_top1(run)
        taken = chosen.get(cell.row) == cell.tuned
        if taken and _is_at_an_end(cell, evidence):
            at_ends.append(f"{escape(cell.row)} ({escape(values)})")
        shown = percent(top1) if state in DONE else state
        lines.append([escape(cell.row), escape(values), shown, "chosen" if taken else ""])
        records.append({"row": cell.row, "values": values, "state": state,
                        "validation_top1": top1, "chosen": taken})  # fmt: skip
    link = files.save_csv("tuning", pd.DataFrame(records))
    columns = ["row", "value", "validation top-1 (%)", ""]
    text = f"{CHOSEN_ON_VALIDATION} {link}"
    if at_ends:
        text = (
            f"**At an end of what it could choose from: {'; '.join(at_ends)}.** What lies beyond "
            f"was not tried, and may be better. {text}"
        )
    return [table(columns, lines), text]


def _order(cell: PlannedCell, evidence: Evidence) -> tuple[int, list[float]]:
    """By rows, as the page has them, and by values: some may have been tried later than others."""
    labels = [row.label for row in evidence.rows]
    place = labels.index(cell.row) if cell.row in labels else len(labels)
    return place, [value for value in cell.tuned.values() if isinstance(value, int | float)]


def _is_at_an_end(cell: PlannedCell, evidence: Evidence) -> bool:
    """Whether one of a candidate's values is the least or the greatest that its row has tried."""
    tried = [other.tuned for other, _ in evidence.candidates if other.row == cell.row]
    for key, value in cell.tuned.items():
        if is_at_an_end(value, [tuned.get(key) for tuned in tried]):
            return True
    return False


def protocols_section(evidence: Evidence, files: OutputFiles) -> list[str]:
    """How each row was trained, on what, and for how long; untrained rows have nothing to tell."""
    if evidence.is_untrained or not evidence.recorded:
        return []
    lines, records = [], []
    for row in evidence.rows:
        line, record = _protocol(row)
        lines.append(line)
        records.append(record)
    link = files.save_csv("protocols", pd.DataFrame(records))
    columns = ["row", "teacher, top-1", "optimizer", "trained for", "seeds", "hours", "on"]
    text = (
        "Hours are of all seeds together, evaluation included and a teacher's own training not, on "
        f"a machine that may have had other cells to make at the same time. {link}"
    )
    return [table(columns, lines, 3), text]


def _protocol(row: Row) -> tuple[list[str], dict[str, Any]]:
    num_steps, size = count_steps(row) or (None, None)
    runs = list(row.runs.values())
    spent = hours(runs) if runs else None
    # Of what diverged too: with what is the first question.
    is_begun = bool(runs or row.unrecorded)
    record = {
        "row": row.label,
        "teacher": row.shared_value("teacher") or "none" if is_begun else None,
        "teacher_top1": mean_or_none(row.values("teacher.top1")) if row.teachers else None,
        "optimizer": optimizer_text(row) if is_begun else None,
        "epochs": row.shared_value("epochs"),
        "steps": num_steps,
        "batch_size": size,
        "seeds": " ".join(map(str, row.runs)),
        "hours": spent,
        "hardware": distinct(hardware(run) for run in runs),
        "remarks": "; ".join(row.remarks()),
    }
    shown = {key: "–" if value is None else str(value) for key, value in record.items()}
    # Of a column in which another run has none, pandas makes floats.
    length = "–" if record["epochs"] is None else counted(record["epochs"], "epoch")
    if num_steps is not None:
        length += f", {num_steps:,} steps of {number(size)}"
    taught_by = shown["teacher"]
    if record["teacher_top1"] is not None:
        taught_by += f", {percent(record['teacher_top1'])}%"
    line = [
        escape(shown["row"]),
        escape(taught_by),
        escape(shown["optimizer"]),
        length,
        "; ".join([shown["seeds"].replace(" ", ", ") or "–", *row.remarks()]),
        fixed_point(spent),
        shown["hardware"],
    ]
    return line, record


def cells_section(evidence: Evidence, files: OutputFiles) -> list[str]:
    """Every planned cell, so that each number can be traced to its record."""
    lines, records = [], []
    for row in evidence.rows:
        for seed, state in row.states.items():
            top1 = row.runs.get(seed, {}).get("top1")
            config_hash, _ = row.identities[seed]
            record = {"row": row.label, "seed": seed, "state": state,
                      "config_hash": config_hash, "top1": top1}  # fmt: skip
            records.append(record)
            lines.append(
                [escape(row.label), str(seed), state, percent(top1), f"`{config_hash[:12]}`"]
            )
    link = files.save_csv("cells", pd.DataFrame(records))
    inner = table(["row", "seed", "state", "top-1 (%)", "record"], lines)
    return [fold("All cells", [inner, link])]
