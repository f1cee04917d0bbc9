"""What rows cost that were not trained: sizes, and inference times if they were taken."""

from typing import Any

import numpy as np
import pandas as pd

from titn.reporting.evidence.evidence import Evidence
from titn.reporting.evidence.row import Row
from titn.reporting.formats import fixed_point
from titn.reporting.latencies import TIMING_METRICS, timed_rounds
from titn.reporting.markdown import escape, table
from titn.reporting.output_files import OutputFiles


def sizes_section(evidence: Evidence, files: OutputFiles) -> list[str]:
    """Parameters and multiply-accumulates of each row, and its latency and throughput."""
    timed = evidence.timing is not None
    lines, records = [], []
    for row in evidence.rows:
        remarks = "; ".join(row.remarks())
        if not row.runs:
            lines.append([escape(row.label), *["–"] * (5 if timed else 3), remarks])
            records.append({"row": row.label, "remarks": remarks})
            continue
        parameters, macs, gflops = (
            row.values(key)[0] for key in ("parameters_m", "macs", "gflops_batch1024")
        )
        line = [fixed_point(parameters), fixed_point(macs / 1e6), fixed_point(gflops)]
        costs = ("parameters", "macs", "macs_paper")
        record = {"row": row.label, **{key: row.shared_value(key) for key in costs}}
        if timed:
            shown, numbers = _times(evidence, row)
            line += shown
            record |= numbers
        lines.append([escape(row.label), *line, remarks])
        records.append(record | {"remarks": remarks})
    columns = ["row", "parameters (M)", "MACs (M)", "GFLOPs of 1024, the paper's counting"]
    link = files.save_csv("sizes", pd.DataFrame(records))
    text = (
        "MACs are of one image, products of attention included; the paper's GFLOPs leave them out "
        f"and are multiply-accumulates too. {link}"
    )
    if evidence.timing:
        columns += ["latency at batch 1 (ms)", "images/s at batch 128"]
        text = (
            "Medians over rounds in which the networks took turns, and in brackets the quickest "
            f"and the slowest round; {escape(evidence.timing['how'])}. " + text
        )
    return ["### Size and speed" if timed else "### Size", table([*columns, ""], lines), text]


def _times(evidence: Evidence, row: Row) -> tuple[list[str], dict[str, Any]]:
    shown: list[str] = []
    numbers: dict[str, Any] = {}
    for metric in TIMING_METRICS:
        values = timed_rounds(evidence, row.label, metric)
        if values is None:
            shown.append("–")
            continue
        low, middle, high = values.min(), np.median(values), values.max()
        digits = 2 if middle < 100 else 0
        shown.append(f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
        numbers |= {metric: middle, f"{metric}_least": low, f"{metric}_most": high}
    return shown, numbers
