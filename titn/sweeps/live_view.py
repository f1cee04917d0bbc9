"""Sweeps at one moment as lines of text: bars, running cells with their curves, failures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

from titn.records.cell_state import (
    DAMAGED,
    DIVERGED,
    DONE,
    FAILED,
    HALF_DONE,
    PRUNED,
    RECORDED,
    RUNNING,
    WITH_QUEUE,
)
from titn.records.live_sweeps import LiveCell, Picture
from titn.sweeps.time_left import run_secs_left
from titn.system.progress import duration
from titn.system.text import percent, printable

# Nothing more will become of these by itself.
ENDED = (*DONE, PRUNED, DIVERGED, FAILED, DAMAGED)
NARROW = 80  # columns; below it a running cell has two lines
CURVE_WIDTH, MOST_BAR, LEAST_BAR, MOST_NAME = 10, 30, 6, 28


@dataclass(frozen=True)
class Glyphs:
    """What bars and curves are drawn with, and what stands for text that was cut off."""

    full: str
    empty: str
    levels: str
    cut: str


UNICODE, ASCII = Glyphs("█", "░", "▁▂▃▄▅▆▇█", "…"), Glyphs("#", ".", "_.-=^", "~")


def frame(
    picture: Picture, secs_left: float | None, now: float, size: tuple[int, int], glyphs: Glyphs
) -> list[str]:
    """The lines of a screen; size: columns and lines, which are never exceeded.

    What does not fit is counted in a line of its own, failures first.
    """
    width, height = size
    running = [cell for cell in _different(picture) if cell.run.state == RUNNING]
    ended_badly = [cell for cell in _different(picture) if is_failure(cell)]
    bars = _bars(picture, width, glyphs)
    summary = [summary_line(picture, secs_left)]
    said = [[line] for line in picture.problems] + [[failure_line(cell)] for cell in ended_badly]
    running_lines = [_running_lines(cell, now, width, glyphs) for cell in running]
    room = max(1, height - len(summary))
    shown = [*_fitting(bars, max(1, room // 3) if running or said else room), *summary]
    room = height - len(shown)
    reserve = min(len(said), max(1, room // 4)) + 2 if said else 0
    shown += _section("running", running_lines, room - reserve)
    shown += _section("not as it should be", said, height - len(shown))
    return [cut(printable(line), width, glyphs.cut) for line in shown[:height]]


def summary_line(picture: Picture, secs_left: float | None) -> str:
    if not picture.cells:
        return "no sweep and no run yet"
    open_cells = [cell for cell in _different(picture) if cell.run.state not in ENDED]
    at_once = sum(cell.run.state == RUNNING for cell in open_cells)
    if not open_cells:
        return "nothing left to do"
    if not at_once:
        halted = f"{len(open_cells)} open, nothing is running now"
        return f"{halted}; about {_one_after_another(secs_left)}" if secs_left else halted
    left = "time left not known yet" if secs_left is None else f"about {duration(secs_left)} left"
    return f"{left}, {at_once} at once"


def _one_after_another(secs: float) -> str:
    return f"{duration(secs)} of work, one after another"


def is_failure(cell: LiveCell) -> bool:
    return cell.run.state in (DIVERGED, FAILED, DAMAGED)


def failure_line(cell: LiveCell) -> str:
    return f"{cell.label}: {cell.run.state}, {cell.run.reason}; {cell.run.path}"


def running_text(cell: LiveCell, now: float) -> str:
    """Epochs, throughput, time left and accuracy, as one sentence has them."""
    learned = cell.run.learned
    parts = [f"epoch {learned.num_epochs}/{cell.run.num_epochs or '?'}"]
    if learned.images_per_sec:
        parts.append(f"{learned.images_per_sec:.0f} img/s")
    if (secs := run_secs_left(cell.run, now)) is not None:
        parts.append(f"{duration(secs)} left")
    if learned.top1:
        parts.append(f"top-1 {percent(learned.top1[-1])}%")
    return ", ".join(parts)


def sparkline(values: Sequence[float], width: int, levels: str) -> str:
    """A letter for each value, or for the last one of each of `width` equal parts of them.

    The lowest of all values has the lowest letter, the highest the highest.
    """
    count = min(width, len(values))
    shown = [values[(i + 1) * len(values) // count - 1] for i in range(count)]
    low, high = min(values, default=0.0), max(values, default=0.0)
    scale = (len(levels) - 1) / (high - low) if high > low else 0.0
    return "".join(levels[round((value - low) * scale)] for value in shown)


def cut(text: str, width: int, mark: str) -> str:
    """At most so many columns of a terminal, where some letters take two and some none."""
    if text_width(text) <= width:
        return text
    kept, used = "", 0
    for letter in text:
        used += text_width(letter)
        if used > width - 1:
            break
        kept += letter
    return kept + mark


def text_width(text: str) -> int:
    return sum(
        0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text
    )


def _padded(text: str, width: int, mark: str) -> str:
    short = cut(text, width, mark)
    return short + " " * (width - text_width(short))


def _different(picture: Picture) -> list[LiveCell]:
    """Each run once, also where several sweeps have it."""
    return list({cell.run.path: cell for cell in (*picture.others, *picture.cells)}.values())


def _bars(picture: Picture, width: int, glyphs: Glyphs) -> list[list[str]]:
    """For each sweep the share of its cells that have ended, and how many are in which state."""
    sweeps: dict[str, list[LiveCell]] = {}
    for cell in picture.cells:
        sweeps.setdefault(printable(cell.sweep or "runs"), []).append(cell)
    name_width = min(MOST_NAME, width // 3, max(map(text_width, sweeps), default=0))
    texts = {name: _counts(cells) for name, cells in sweeps.items()}
    longest = max((len(text) for text in texts.values()), default=0)
    bar_width = min(MOST_BAR, width - name_width - longest - 2)
    lines = []
    for name, cells in sweeps.items():
        label = _padded(name, name_width, glyphs.cut)
        wide = bar_width if bar_width >= LEAST_BAR else min(MOST_BAR, width - name_width - 1)
        done = sum(cell.run.state in ENDED for cell in cells)
        full = wide * done // len(cells)
        bar = glyphs.full * full + glyphs.empty * (wide - full)
        if bar_width >= LEAST_BAR:
            lines.append([f"{label} {bar} {texts[name]}"])
        else:
            lines.append([f"{label} {bar}", f"  {texts[name]}"])
    return lines


def _counts(cells: Sequence[LiveCell]) -> str:
    counts = Counter(cell.run.state for cell in cells)
    others = [
        f"{counts[state]} {state}" for state in WITH_QUEUE if counts[state] and state != RECORDED
    ]
    return ", ".join([f"{counts[RECORDED]} of {len(cells)} done", *others])


def _running_lines(cell: LiveCell, now: float, width: int, glyphs: Glyphs) -> list[str]:
    learned, total = cell.run.learned, cell.run.num_epochs
    epoch = f"epoch {learned.num_epochs}/{total if total is not None else '?'}"
    rate = f"{learned.images_per_sec:.0f} img/s" if learned.images_per_sec else ""
    secs = run_secs_left(cell.run, now)
    left = "" if secs is None else f"{duration(secs)} left"
    curve = sparkline(learned.top1, CURVE_WIDTH, glyphs.levels) if learned.top1 else ""
    top1 = f"{percent(learned.top1[-1], 1)}%" if learned.top1 else ""
    fields = (f"{epoch:13}", f"{rate:>11}", f"{left:>15}", f"{curve:>{CURVE_WIDTH}}", f"{top1:>6}")
    details = " ".join(fields)
    if width < NARROW:
        short = [text for text in (epoch, rate, left, curve, top1) if text]
        return [f"  {cell.label}", f"    {'  '.join(short)}"]
    return [f"  {_padded(printable(cell.label), width - len(details) - 3, glyphs.cut)} {details}"]


def _section(title: str, items: Sequence[Sequence[str]], height: int) -> list[str]:
    """Title and items in so many lines, an empty one before them; nothing without room or items."""
    if not items or height < 3:
        return []
    return ["", title, *_fitting(items, height - 2)]


def _fitting(items: Sequence[Sequence[str]], height: int) -> list[str]:
    """The first items that fit, and how many more there are."""
    if sum(map(len, items)) <= height:
        return [line for item in items for line in item]
    shown, num_shown = list[str](), 0
    for item in items:
        if len(shown) + len(item) > height - 1:
            break
        shown += item
        num_shown += 1
    return [*shown, f"  and {len(items) - num_shown} more"]


def state_counts(picture: Picture) -> list[tuple[str, str]]:
    """The name of each sweep, and how many of its cells are in which state, for a pipe."""
    sweeps: dict[str, list[LiveCell]] = {}
    for cell in picture.cells:
        sweeps.setdefault(cell.sweep, []).append(cell)
    return [(name, f"{name or 'runs'}: {_counts(cells)}") for name, cells in sweeps.items()]


def state_text(cell: LiveCell) -> str:
    """The state, of a half-done cell with its epochs."""
    if cell.run.state == HALF_DONE:
        return f"{HALF_DONE}, {cell.run.learned.num_epochs}/{cell.run.num_epochs or '?'} epochs"
    return cell.run.state
