"""The main table of a question in a file that is otherwise written by hand, such as a README.

<!-- titn.report: paper/table3 -->
(is replaced)
<!-- titn.report: end -->
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from titn.paper.departures import in_one_line
from titn.reporting.comparisons.levels import row_level
from titn.reporting.evidence.row import Row
from titn.reporting.formats import fixed_point, mean_or_none, percent_interval
from titn.reporting.markdown import escape, link, table
from titn.reporting.pages import Page, SettingSummary, postponement
from titn.reporting.row_names import display_names
from titn.reporting.sections.printed_numbers import printed_top1
from titn.system.errors import ConfigError
from titn.system.files import write_text
from titn.system.text import percent

BEGIN, END = "<!-- titn.report: ", "<!-- titn.report: end -->"
PLACE = re.compile(
    rf"(?P<begin>{re.escape(BEGIN)}(?P<name>[\w./-]+) -->\n).*?(?P<end>{re.escape(END)})", re.DOTALL
)


def fill_readme(file: Path, pages: Sequence[Page], out: Path) -> None:
    """Replace what stands between the marks.

    ConfigError if there are no marks, or if they name no page.
    """
    text = file.read_text(encoding="utf-8")
    by_name = {page.name: page for page in pages}
    reports = os.path.relpath(out, file.parent)

    def filled_place(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in by_name:
            raise ConfigError(f"--readme {file}: there is no page {name}; name a question")
        return f"{match['begin']}{main_table(by_name[name], reports)}\n{match['end']}"

    filled, count = PLACE.subn(filled_place, text)
    if not count:
        raise ConfigError(
            f"--readme {file}: has no place for a table; add {BEGIN}paper/table3 --> and {END}"
        )
    if filled != text:
        write_text(file, filled)


def main_table(page: Page, reports: str) -> str:
    """Answer, figure and levels of a page's first setting, with links into `reports`."""
    to_page = link("the page", f"{reports}/{page.path}")
    if not page.settings:
        return f"Not run yet: {to_page}."
    found = page.settings[0]
    evidence, printed = found.evidence, printed_top1(found.evidence) or {}
    called = display_names(evidence.rows)
    columns = ["row", "top-1 (%)", "95% over seeds and images", "the paper's (%)", "NLL",
               "parameters (M)", "GFLOPs of 1024", "seeds"]  # fmt: skip
    lines = [_line(row, called[row.label], printed) for row in evidence.rows]
    figure = f"{reports}/{Path(page.path).parent.as_posix()}/{found.files.stem}-accuracy.svg"
    return "\n\n".join(
        [
            f"**{escape(page.title)}**, on {escape(found.heading)}. {found.answer}",
            table(columns, lines),
            *_put_off(page, found),
            f"{_departures(found)}. Everything else, with differences, "
            f"claims and curves, is on {to_page}.",
            "!" + link(escape("top-1 accuracy of each row with its interval"), figure),
        ]
    )


def _line(row: Row, name: str, printed: Mapping[str, float]) -> list[str]:
    level = row_level(row) if row.runs else None
    return [
        escape(name),
        percent(level.mean) if level else "–",
        percent_interval(level.over_seeds_and_images if level else None),
        percent(printed.get(row.label)),
        fixed_point(mean_or_none(row.values("nll")), digits=3),
        fixed_point(mean_or_none(row.values("parameters_m"))),
        fixed_point(mean_or_none(row.values("gflops_batch1024"))),
        "; ".join([str(len(row.runs)), *row.remarks()]),
    ]


def _put_off(page: Page, setting: SettingSummary) -> list[str]:
    """Why there are gaps in the setting's table, in a paragraph."""
    overrides = setting.evidence.setting.overrides
    notes = [note for note in page.postponed if note.overrides == overrides]
    reasons = [postponement(note, page.question) for note in notes]
    return [f"Put off: {' / '.join(reasons)}."] if reasons else []


def _departures(setting: SettingSummary) -> str:
    """Where the baseline's runs depart from the paper's protocol; without claims about it, all."""
    dataset = setting.results[0].claim.dataset if setting.results else ""
    results = [result for result in setting.results if result.claim.dataset == dataset]
    row = setting.evidence.baseline
    own = [result for result in results if row is not None and result.claim.rows == (row.label,)]
    phrases = dict.fromkeys(phrase for result in own or results for phrase in result.protocol)
    whose = f"{row.label} was reduced" if row is not None and own else "Reduced"
    return escape(f"{whose}, next to the paper: {in_one_line(phrases) or 'nothing'}")
