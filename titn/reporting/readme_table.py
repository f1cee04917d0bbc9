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
from titn.reporting.pages import Found, Page, postponement
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
    """Replace what stands between the marks; ConfigError if there are none, or of no page."""
    text = file.read_text(encoding="utf-8")
    by_name = {page.name: page for page in pages}
    reports = os.path.relpath(out, file.parent)

    def told(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in by_name:
            raise ConfigError(f"--readme {file}: there is no page {name}; name a question")
        return f"{match['begin']}{main_table(by_name[name], reports)}\n{match['end']}"

    filled, count = PLACE.subn(told, text)
    if not count:
        raise ConfigError(
            f"--readme {file}: has no place for a table; add {BEGIN}paper/table3 --> and {END}"
        )
    if filled != text:
        write_text(file, filled)


def main_table(page: Page, reports: str) -> str:
    """Answer, figure and levels of a page's first setting, with links into `reports`."""
    to_page = link("the page", f"{reports}/{page.path}")
    if not page.found:
        return f"Not run yet: {to_page}."
    found = page.found[0]
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


def _put_off(page: Page, found: Found) -> list[str]:
    """Why there are gaps in the setting's table, in a paragraph."""
    said = found.evidence.setting.overrides
    told = [postponement(one, page.question) for one in page.notes if one.overrides == said]
    return [f"Put off: {' / '.join(told)}."] if told else []


def _departures(found: Found) -> str:
    """In what less was done than in the paper: of the baseline, else of all that claims are of."""
    judged = [one for one in found.judged if one.claim.dataset == found.judged[0].claim.dataset]
    row = found.evidence.baseline
    own = [one for one in judged if row is not None and one.claim.rows == (row.label,)]
    told = dict.fromkeys(text for one in own or judged for text in one.protocol)
    whose = f"{row.label} was reduced" if row is not None and own else "Reduced"
    return escape(f"{whose}, next to the paper: {in_one_line(told) or 'nothing'}")
