"""Says while a sweep is made how many of its cells have ended, and how long the others take."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from titn.records.live_sweeps import Picture, Watcher
from titn.sweeps.live_view import ENDED, summary_line
from titn.sweeps.plan import SweepCell
from titn.sweeps.time_left import TimeLeft
from titn.system.progress import say
from titn.system.text import counted

# So often the cells are looked at.
LOOK_SECS = 2.0


@contextmanager
def counting(name: str, directory: Path, cells: Sequence[SweepCell]) -> Iterator[None]:
    """Count in a thread, as a launcher returns only when all cells have ended.

    name, directory: the sweep's. cells: those that it has, or a part of them.
    """
    ended_cells, over = EndedCells(name, directory, cells), threading.Event()

    def count() -> None:
        while not over.wait(LOOK_SECS):
            if line := ended_cells.news():
                say(line)

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass
class EndedCells:
    """Looks at cells again and again."""

    name: str
    directory: Path
    cells: Sequence[SweepCell]

    def __post_init__(self) -> None:
        self.watcher, self.time_left = Watcher([self.directory]), TimeLeft()
        self.ours = {os.path.realpath(cell.cell.directory.path) for cell in self.cells}
        self.said = self.seen = self._num_ended(self._picture())

    def news(self) -> str | None:
        """A line if cells have ended since the last one, and others have not.

        It waits for a look at which no more have: then the next cells have begun.
        """
        picture = self._picture()
        ended, before = self._num_ended(picture), self.seen
        self.seen = ended
        if ended in (self.said, len(picture.cells)) or ended != before:
            return None
        self.said = ended
        left = summary_line(picture, self.time_left.secs(picture, time.time()))
        return f"{self.name}: {ended} of {counted(len(picture.cells), 'cell')} ended; {left}"

    @staticmethod
    def _num_ended(picture: Picture) -> int:
        return sum(cell.run.state in ENDED for cell in picture.cells)

    def _picture(self) -> Picture:
        """Of these cells alone; the directory's plan may have others."""
        picture = self.watcher.look()
        by_path = {os.path.realpath(cell.run.path): cell for cell in picture.cells}
        cells = [cell for path, cell in by_path.items() if path in self.ours]
        return Picture(cells, picture.others, picture.has_plan)
