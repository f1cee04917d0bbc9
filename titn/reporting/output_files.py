"""The tables and figures beside a page, and the links to them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from titn.reporting.markdown import escape, link, write_csv
from titn.system.files import write_text


@dataclass(frozen=True)
class OutputFiles:
    """A setting's files. directory: of its page; stem: what their names begin with."""

    directory: Path
    stem: str

    def path(self, name: str) -> Path:
        return self.directory / f"{self.stem}-{name}"

    def image(self, name: str, about: str) -> str:
        return "!" + link(escape(about), f"{self.stem}-{name}")

    def save_csv(self, name: str, frame: pd.DataFrame) -> str:
        """Write a table as CSV, and return a link to it."""
        write_csv(frame, self.path(f"{name}.csv"))
        return link(f"{name}.csv", f"{self.stem}-{name}.csv")


def write_with_parent(path: Path, text: str) -> None:
    """Write a file, and make the directory that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
