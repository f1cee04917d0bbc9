"""The list of all runs, as a page and as a table."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from titn.records.cell_state import DAMAGED, STOPPED
from titn.records.collation import Records
from titn.reporting.evidence.run_files import Fault
from titn.reporting.formats import number, without_paths
from titn.reporting.markdown import bullets, code, escape, table
from titn.system.text import counted, percent

RUN_COLUMNS = [
    "config_hash", "model", "teacher", "dataset", "dataset.num_classes", "mix", "loss",
    "optimizer", "epochs", "batch_size", "seed", "status", "top1", "best_top1", "wall_secs",
    "source_digest", "git_commit", "reason",
]  # fmt: skip
# The list is sorted by these, then by all other columns.
ORDER = ("dataset", "model", "teacher", "seed", "config_hash", "source_digest", "status")


def runs_page(runs: Records, faults: Sequence[Fault] = ()) -> str:
    """reports/runs.md: all runs in a table, and before it what could not be read.

    faults: files of sweeps and beside records, besides the damaged runs.
    """
    damaged = pd.DataFrame(runs[runs["status"] == DAMAGED]).to_dict("records")
    parts = ["# All runs", f"{counted(len(runs), 'run')}. [runs.csv](runs.csv)"]
    unread = [(Path(row["path"]).resolve().name, str(row["reason"])) for row in damaged]
    unread += [(fault.short_path, fault.reason) for fault in faults]
    if unread:
        lines = {f"{code(place)}: {escape(without_paths(reason))}" for place, reason in unread}
        parts += ["## Could not be read", bullets(sorted(lines))]
    columns = ["record", "model", "teacher", "dataset", "epochs", "seed", "top-1 (%)", "status"]
    lines_of = [
        [
            f"`{row['config_hash'][:12]}`" if isinstance(row["config_hash"], str) else "–",
            *(escape(_value(row[key])) for key in ("model", "teacher", "dataset")),
            _epochs(row),
            escape(_value(row["seed"])),
            percent(row["top1"]),
            str(row["status"]),
        ]
        for row in _in_order(runs).to_dict("records")
    ]
    return "\n\n".join([*parts, table(columns, lines_of)]) + "\n"


def _epochs(row: dict) -> str:
    """Those that were asked for; of a run that stopped early "4 of 6", of an extension "6 more"."""
    done, asked = (_value(row[key]) for key in ("stopped_after", "epochs"))
    text = f"{done} of {asked}" if row["status"] == STOPPED else asked
    return f"{text} more" if isinstance(row["checkpoint"], str) and row["epochs"] else text


def _value(value: object) -> str:
    return "–" if value is None or value != value else number(value)


def runs_frame(runs: Records) -> pd.DataFrame:
    """runs.csv: a row for each run, in an order that does not depend on where they lie."""
    return _in_order(runs)[RUN_COLUMNS]


def _in_order(runs: Records) -> pd.DataFrame:
    """The columns of runs.csv, and what the page needs besides."""
    columns = [*RUN_COLUMNS, "stopped_after", "checkpoint"]
    frame = pd.DataFrame(runs).reindex(columns=columns)
    rows = [
        {str(key): value for key, value in row.items() if value is not None and value == value}
        for row in frame.to_dict("records")
    ]
    for row in rows:
        if "reason" in row:
            row["reason"] = without_paths(row["reason"])
    rows.sort(key=lambda row: [_rank(row.get(key)) for key in (*ORDER, *RUN_COLUMNS)])
    return pd.DataFrame(rows, columns=columns)


def _rank(value: object) -> tuple[bool, float, str]:
    """A sort key: numbers by size, then text, then None."""
    if isinstance(value, int | float):
        return False, float(value), ""
    return value is None, float("inf"), str(value)
