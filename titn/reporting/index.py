"""The index of all pages, with the state of every claim; and the list of all runs."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from titn.records.cell_state import DAMAGED
from titn.records.collation import Records
from titn.reporting import comparisons as co
from titn.reporting.evidence import Fault
from titn.reporting.formats import number, pathless
from titn.reporting.markdown import code, escape, link, table
from titn.reporting.pages import Found, Page, why_put_off
from titn.reporting.provenance import sources
from titn.system.text import percent

RUN_COLUMNS = [
    "config_hash", "model", "teacher", "dataset", "dataset.num_classes", "mix", "loss",
    "optimizer", "epochs", "batch_size", "seed", "status", "top1", "best_top1", "wall_secs",
    "source_digest", "git_commit", "reason",
]  # fmt: skip
# What orders the list of runs, before all the rest does.
ORDER = ("dataset", "model", "teacher", "seed", "config_hash", "source_digest", "status")

CLAIM_COLUMNS = [
    "page", "claim", "source", "dataset", "printed", "ours", "low", "high", "setting", "num_seeds",
    "protocol", "finding", "conditional_on_one_teacher", "bounds_changed",
]  # fmt: skip

# Of the departures from the paper's protocol the index names so many; the page has them all.
FEW = 3


def contents(pages: Sequence[Page], audit: str) -> str:
    """reports/README.md. audit: its summary in a sentence."""
    run = [page for page in pages if page.found]
    not_run = [page for page in pages if not page.found]
    parts = [
        "# Reports",
        "Written by `python -m titn.report` from the records of runs; nothing here is edited by "
        "hand. Accuracies are of the last epoch; intervals are 95%.",
        "## Questions that were asked",
        table(["question", "on", "answer"], [line for page in run for line in _answers(page)], 3)
        if run
        else "None.",
        "## The paper, recomputed",
        f"[The audit](audit.md): {audit}",
        "## The method, beyond the paper",
        "[Which token predicts better, how far a student becomes like its teacher, what training "
        "does to it](method.md): from the records of all questions.",
        "## Claims",
        "Protocol and finding are independent: a claim may agree under a reduced protocol, which "
        "says nothing yet of the paper's. [claims.csv](claims.csv)",
        _counted(run, not_run),
        "### What is said to be above, below or sooner than what",
        _claims_table([line for page in (*run, *not_run) for line in _claims(page, 2)]),
        "### Numbers that the paper prints",
        _claims_table([line for page in (*run, *not_run) for line in _claims(page, 1)]),
        "## Rows and seeds that were put off",
        "\n".join(f"- {_link(page)}{_why_not(page)}" for page in run if page.notes) or "None.",
        "## Questions that were not asked yet",
        "\n".join(f"- {_link(page)}{_why_not(page)}" for page in not_run) or "None.",
        "## Where the pages come from",
        *[_origin(page) for page in run],
        "[All runs](runs.md), also those that no sweep asked for.",
    ]
    return "\n\n".join(parts) + "\n"


def _link(page: Page) -> str:
    return link(escape(page.title), page.path)


def _why_not(page: Page) -> str:
    """Why a question, or which part of it, was put off, and how long it would take."""
    told = [why_put_off(one, page.question) for one in page.notes]
    return f": {' / '.join(told)}" if told else ""


def _answers(page: Page) -> list[list[str]]:
    return [[_link(page), escape(found.heading), found.answer] for found in page.found]


def _counted(run: Sequence[Page], not_run: Sequence[Page]) -> str:
    """How many claims have which finding; one counts in each setting that it was tested in."""
    findings = Counter(one.finding for page in run for found in page.found for one in found.judged)
    asked = (co.claims_of(page.question) for page in not_run if page.question)
    findings[co.NOT_RUN] += sum(map(len, asked))
    told = [one for one in co.FINDINGS if findings[one] or one != co.DIVERGED]
    return ", ".join(f"{one}: {findings[one]}" for one in told) + "."


def _claims_table(lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return "None."
    return table(["claim", "source", "tested on", "protocol", "finding", "page"], lines, left=6)


def _claims(page: Page, num_rows: int) -> list[list[str]]:
    """A line for each claim about so many rows, in each setting that it was tested in."""
    if page.question is None:
        return []
    if not page.found:
        return [
            [escape(one.says), escape(one.source), "–", "–", co.NOT_RUN, _link(page)]
            for one in co.claims_of(page.question)
            if len(one.rows) == num_rows
        ]
    return [
        [
            escape(one.claim.says),
            escape(one.claim.source),
            "–" if one.finding == co.NOT_RUN else escape(found.heading),
            _protocol(one),
            _finding(one, found),
            _link(page),
        ]
        for found in page.found
        for one in found.judged
        if len(one.claim.rows) == num_rows
    ]


def _finding(one: co.Judged, found: Found) -> str:
    if one.finding not in (co.AGREES, co.DISAGREES):
        return one.finding
    reserves = ["of one teacher"] if one.conditional else []
    reserves += ["bounds changed after the first asking"] if found.evidence.setting.revised else []
    return f"**{one.finding}**" + (f" ({', '.join(reserves)})" if reserves else "")


def _protocol(one: co.Judged) -> str:
    if one.finding == co.NOT_RUN:
        return "–"
    if not one.protocol:
        return "full"
    more = len(one.protocol) - FEW
    text = escape("; ".join(one.protocol[:FEW]))
    return f"reduced: {text}{f' and {more} more' if more > 0 else ''}"


def claims_frame(pages: Sequence[Page]) -> pd.DataFrame:
    """claims.csv: a row for each claim and setting."""
    return pd.DataFrame(
        [
            {"page": page.name, "claim": one.claim.says, "source": one.claim.source,
             "dataset": one.claim.dataset, "printed": one.claim.printed, "ours": one.estimate,
             "low": one.interval.low if one.interval else None,
             "high": one.interval.high if one.interval else None,
             "setting": found.heading, "num_seeds": one.seeds,
             "protocol": _protocol_in_csv(one), "finding": one.finding,
             "conditional_on_one_teacher": one.conditional,
             "bounds_changed": found.evidence.setting.revised}
            for page in pages for found in page.found for one in found.judged
        ],
        columns=CLAIM_COLUMNS,
    )  # fmt: skip


def _protocol_in_csv(one: co.Judged) -> str | None:
    if one.finding == co.NOT_RUN:
        return None
    return "; ".join(one.protocol) or "full"


def _origin(page: Page) -> str:
    lines = [f"**{_link(page)}**"]
    for found in page.found:
        told = "; ".join(sources(found.evidence, found.teachers))
        lines.append(f"- {escape(found.heading)}: {told}")
    return "\n".join([lines[0], "", *lines[1:]])


def runs_page(runs: Records, faults: Sequence[Fault] = ()) -> str:
    """All runs in a table; first what could not be read, `faults` besides the runs."""
    damaged = pd.DataFrame(runs[runs["status"] == DAMAGED]).to_dict("records")
    parts = ["# All runs", f"{len(runs)} run directories. [runs.csv](runs.csv)"]
    unread = [(Path(row["path"]).resolve().name, str(row["reason"])) for row in damaged]
    unread += [(fault.place, fault.reason) for fault in faults]
    if unread:
        lines = [f"- {code(place)}: {escape(pathless(said))}" for place, said in set(unread)]
        parts += ["## Could not be read", "\n".join(sorted(lines))]
    columns = ["record", "model", "teacher", "dataset", "epochs", "seed", "top-1 (%)", "status"]
    lines_of = [
        [
            f"`{row['config_hash'][:12]}`" if isinstance(row["config_hash"], str) else "–",
            *(
                escape(_value(row[key]))
                for key in ("model", "teacher", "dataset", "epochs", "seed")
            ),
            percent(row["top1"]),
            str(row["status"]),
        ]
        for row in runs_frame(runs).to_dict("records")
    ]
    return "\n\n".join([*parts, table(columns, lines_of)]) + "\n"


def _value(value: object) -> str:
    return "–" if value is None or value != value else number(value)


def runs_frame(runs: Records) -> pd.DataFrame:
    """runs.csv: what a reader looks for, in an order that no directory decides."""
    frame = pd.DataFrame(runs).reindex(columns=RUN_COLUMNS)
    rows = [
        {str(key): value for key, value in row.items() if value is not None and value == value}
        for row in frame.to_dict("records")
    ]
    for row in rows:
        if "reason" in row:
            row["reason"] = pathless(row["reason"])
    rows.sort(key=lambda row: [_rank(row.get(key)) for key in (*ORDER, *RUN_COLUMNS)])
    return pd.DataFrame(rows, columns=RUN_COLUMNS)


def _rank(value: object) -> tuple[bool, float, str]:
    """Numbers by size, then text, then what is not there."""
    if isinstance(value, int | float):
        return False, float(value), ""
    return value is None, float("inf"), str(value)
