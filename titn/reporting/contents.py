"""The index of all pages, with the state of every claim; and the list of all runs."""

from collections.abc import Sequence

import pandas as pd

from titn.records.collation import Records
from titn.reporting import comparisons as co
from titn.reporting.markdown import escape, percent, table
from titn.reporting.pages import Page
from titn.reporting.provenance import described, origin

RUN_COLUMNS = [
    "config_hash", "model", "teacher", "dataset", "dataset.num_classes", "mix", "loss",
    "optimizer", "epochs", "batch_size", "seed", "status", "top1", "best_top1", "wall_secs",
    "source_digest", "git_commit", "reason",
]  # fmt: skip


# Of the departures from the paper's protocol the index names so many; the page has them all.
FEW = 3


def contents(pages: Sequence[Page], audit: str) -> str:
    """reports/README.md. audit: its summary in a sentence."""
    run = [page for page in pages if page.found]
    parts = [
        "# Reports",
        "Written by `python -m titn.report` from the records of runs; nothing here is edited by "
        "hand. Accuracies are of the last epoch; intervals are 95%.",
        "## Questions that were asked",
        table(["question", "on", "answer"], [line for page in run for line in _answers(page)], 3),
        "## The paper, recomputed",
        f"[The audit](audit.md): {audit}",
        "## Claims",
        "Protocol and finding are independent: a claim may agree under a reduced protocol, which "
        "says nothing yet of the paper's. [claims.csv](claims.csv)",
        table(
            ["claim", "source", "tested on", "protocol", "finding", "page"],
            [line for page in pages for line in _claims(page)],
            left=6,
        ),
        "## Questions that were not asked yet",
        "\n".join(f"- {_link(page)}" for page in pages if not page.found) or "None.",
        "## Where the pages come from",
        *[_origin(page) for page in run],
        "[All runs](runs.md), also those that no sweep asked for.",
    ]
    return "\n\n".join(parts) + "\n"


def _link(page: Page) -> str:
    return f"[{escape(page.title)}]({page.path})"


def _answers(page: Page) -> list[list[str]]:
    return [
        [_link(page), escape(described(one.evidence.reference)), one.answer] for one in page.found
    ]


def _claims(page: Page) -> list[list[str]]:
    if page.question is None:
        return []
    if not page.found:
        return [
            [escape(one.says), escape(one.source), "–", "–", co.NOT_RUN, _link(page)]
            for one in co.claims_of(page.question)
        ]
    return [
        [
            escape(one.claim.says),
            escape(one.claim.source),
            "–" if one.finding == co.NOT_RUN else escape(described(found.evidence.reference)),
            _protocol(one),
            f"**{one.finding}**" if one.finding in (co.AGREES, co.DISAGREES) else one.finding,
            _link(page),
        ]
        for found in page.found
        for one in found.judged
    ]


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
             "setting": described(found.evidence.reference), "num_seeds": one.seeds,
             "protocol": "; ".join(one.protocol), "finding": one.finding}
            for page in pages for found in page.found for one in found.judged
        ]
    )  # fmt: skip


def _origin(page: Page) -> str:
    lines = [f"**{_link(page)}**"]
    for found in page.found:
        told = "; ".join(origin(found.evidence, found.teachers)[1:])
        lines.append(f"- {escape(described(found.evidence.reference))}: {told}")
    return "\n".join([lines[0], "", *lines[1:]])


def runs_page(runs: Records) -> str:
    """All runs in a table; those that could not be read are named first."""
    damaged = runs[runs["status"] == "damaged"]
    parts = ["# All runs", f"{len(runs)} run directories. [runs.csv](runs.csv)"]
    if len(damaged):
        lines = [f"- `{_short(row)}`: {escape(row['reason'])}" for _, row in damaged.iterrows()]
        parts += ["## Could not be read", "\n".join(lines)]
    shown = runs_frame(runs)
    columns = ["record", "model", "teacher", "dataset", "epochs", "seed", "top-1 (%)", "status"]
    lines_of = [
        [
            f"`{str(row['config_hash'])[:12]}`",
            *(
                escape(_value(row[key]))
                for key in ("model", "teacher", "dataset", "epochs", "seed")
            ),
            percent(row["top1"]),
            str(row["status"]),
        ]
        for row in shown.to_dict("records")
    ]
    return "\n\n".join([*parts, table(columns, lines_of)]) + "\n"


def _short(row: pd.Series) -> str:
    return str(row["path"]).rstrip("/").rpartition("/")[2]


def _value(value: object) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def runs_frame(runs: Records) -> pd.DataFrame:
    """runs.csv: what a reader looks for, in an order that no directory decides."""
    frame = pd.DataFrame(runs).reindex(columns=RUN_COLUMNS)
    order = ["dataset", "model", "teacher", "seed", "config_hash", "source_digest"]
    return frame.sort_values(order, kind="stable", na_position="last")
