"""reports/method.md: what the records of all questions say about the method itself."""

from collections.abc import Sequence
from pathlib import Path

from titn.reporting.method.teachers import teachers_section
from titn.reporting.method.tokens import tokens_section
from titn.reporting.output_files import OutputFiles
from titn.reporting.pages import Page

NAME = "method"


def write_method_page(pages: Sequence[Page], out: Path) -> str:
    """Write the files beside reports/method.md, and return the page; empty if there is nothing."""
    files = OutputFiles(out, NAME)
    found = [*tokens_section(pages, files), *teachers_section(pages, files)]
    if not found:
        return ""
    parts = [
        "# The method, beyond the paper",
        "What the records of all questions say about the two tokens and a teacher's influence. "
        "The paper reports none of it. Intervals are 95%, over seeds and images.",
        *found,
    ]
    return "\n\n".join(parts) + "\n"
