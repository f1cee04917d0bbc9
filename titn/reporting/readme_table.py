"""The main table of a question in a file that is otherwise written by hand, such as a README.

<!-- titn.report: paper/table3 -->
(is replaced)
<!-- titn.report: end -->
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from titn.reporting.comparisons.levels import row_levels
from titn.reporting.markdown import escape, link
from titn.reporting.pages import Page, which_cells
from titn.reporting.sections.overview import images_note, overview_table, standings
from titn.reporting.setting_part import SettingSummary
from titn.system.errors import ConfigError
from titn.system.files import replacing

BEGIN, END = "<!-- titn.report: ", "<!-- titn.report: end -->"
PLACE = re.compile(
    rf"(?P<begin>{re.escape(BEGIN)}(?P<name>[\w./-]+) -->(?P<newline>\r?\n))"
    rf"(?P<old>.*?)(?P<end>{re.escape(END)})",
    re.DOTALL,
)


def fill_readme(file: Path, pages: Sequence[Page], out: Path) -> None:
    """Replace what stands between the marks; all else stays as it is, to the line ends.

    ConfigError if there are no marks, if one has no end, or if they name no page.
    """
    reports = os.path.relpath(out, file.parent)
    file = Path(os.path.realpath(file))  # a link stays one
    text = file.read_bytes().decode("utf-8")
    by_name = {page.name: page for page in pages}

    def filled_place(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in by_name:
            raise ConfigError(
                f"--readme {file}: these runs have no page {name}; name a question that they have"
            )
        if BEGIN in match["old"]:
            raise ConfigError(f"--readme {file}: {name} has no {END}; add it")
        lines = f"{main_table(by_name[name], reports)}\n".replace("\n", match["newline"])
        return f"{match['begin']}{lines}{match['end']}"

    filled, count = PLACE.subn(filled_place, text)
    if not count:
        raise ConfigError(
            f"--readme {file}: has no place for a table; add {BEGIN}paper/table3 --> and {END}"
        )
    if filled != text:
        with replacing(file) as temporary:
            temporary.write_bytes(filled.encode())
            shutil.copymode(file, temporary)


def main_table(page: Page, reports: str) -> str:
    """Answer, figure and levels of a page's first setting, with links into `reports`."""
    to_page = link("the page", f"{reports}/{page.path}")
    if not page.settings:
        return f"Not run yet: {to_page}."
    found = page.settings[0]
    evidence = found.evidence
    rows = standings(evidence, row_levels(evidence), found.differences)
    figure = f"{reports}/{Path(page.path).parent.as_posix()}/{found.files.stem}-accuracy.svg"
    return "\n\n".join(
        [
            f"**{escape(page.title)}**, on {escape(found.heading)}. {found.answer.paragraph}",
            "!" + link(escape("top-1 accuracy of each row, and its difference"), figure),
            overview_table(rows),
            *filter(None, [images_note(rows)]),
            *_put_off(page, found),
            f"How it was trained, other metrics, claims and curves are on {to_page}.",
        ]
    )


def _put_off(page: Page, setting: SettingSummary) -> list[str]:
    """What there are gaps in the setting's table for, in a paragraph."""
    overrides = setting.evidence.setting.overrides
    notes = [note for note in page.postponed if note.overrides == overrides]
    parts = [f"{which_cells(note, page.question)} ({escape(note.needs)})" for note in notes]
    return [f"Not run yet: {'; '.join(parts)}."] if parts else []
