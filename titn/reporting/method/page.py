"""reports/method.md: what the records of all questions say about the method itself."""

from collections.abc import Sequence
from pathlib import Path

from titn.reporting.markdown import escape, link
from titn.reporting.method.teachers import teachers_section
from titn.reporting.method.tokens import tokens_section
from titn.reporting.output_files import OutputFiles
from titn.reporting.pages import Page

NAME = "method"
# Questions whose answers tell how a student of this architecture is best trained.
OF_TRAINING = (
    "ablation/initialisation", "ablation/distillation", "ablation/optimizer",
    "ablation/learning_speed", "ablation/tokens",
)  # fmt: skip


def write_method_page(pages: Sequence[Page], out: Path) -> str:
    """Write the files beside reports/method.md, and return the page; empty if there is nothing."""
    files = OutputFiles(out, NAME)
    found = [
        *tokens_section(pages, files),
        *teachers_section(pages, files),
        *_training(pages),
    ]
    if not found:
        return ""
    parts = [
        "# The method, beyond the paper",
        "What the records of all questions say about the two tokens, the influence of a teacher, "
        "and training. The paper reports none of it. Intervals are 95%, over seeds and images.",
        *found,
    ]
    return "\n\n".join(parts) + "\n"


def _training(pages: Sequence[Page]) -> list[str]:
    lines = [
        f"- {link(escape(page.title), page.path)} ({escape(found.heading)}): {found.answer.text}"
        for page in pages
        if page.name in OF_TRAINING
        for found in page.settings
    ]
    if not lines:
        return []
    return ["## The effect of the training recipe", "\n".join(lines)]
