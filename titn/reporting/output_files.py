"""Where the files of a page's part go, and how the page links to them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from titn.reporting.markdown import escape, link, write_csv


@dataclass(frozen=True)
class OutputFiles:
    """Where a setting's files go. page: the directory of the page; stem: beginning of the names."""

    page: Path
    stem: str

    def path(self, name: str) -> Path:
        return self.page / f"{self.stem}-{name}"

    def image(self, name: str, about: str) -> str:
        return "!" + link(escape(about), f"{self.stem}-{name}")

    def save_csv(self, name: str, frame: pd.DataFrame) -> str:
        """Write a table's CSV; a line that links to it."""
        write_csv(frame, self.path(f"{name}.csv"))
        return link(f"{name}.csv", f"{self.stem}-{name}.csv")
