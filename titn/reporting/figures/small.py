"""A figure for a line of a table: differences from a baseline, without words."""

from collections.abc import Sequence
from pathlib import Path

from titn.reporting.figures.rows import VERDICT_STYLES, QuestionRow
from titn.reporting.figures.style import GREY, in_percent, is_known
from titn.system.files import write_text

# Pixels.
WIDTH, ROW, EDGE = 120, 9, 5
# Of more rows the ones that differ most are drawn.
MOST_ROWS = 8
# Seen on a white page and on a black one: behind this figure is the reader's.
PALE_GREY = "#858585"


def draw_small(path: Path, rows: Sequence[QuestionRow]) -> None:
    """Each difference as a bar in its verdict's colour, on a line at zero; SVG written by hand.

    Rows without a difference are left out; without any, the line stands alone.
    """
    shown = [row for row in rows if row.difference and is_known(row.difference.estimate)]
    shown = sorted(shown, key=_size, reverse=True)[:MOST_ROWS]
    # In the order of the page.
    shown = [row for row in rows if row in shown]
    ends = [abs(end) for row in shown for end in _ends(row)]
    farthest = max([1.0, *ends])
    height = ROW * max(len(shown), 1) + 2 * EDGE

    def place(value: float) -> float:
        return WIDTH / 2 + (WIDTH / 2 - EDGE) * value / farthest

    marks = [f'<path d="M{WIDTH / 2:g} 0V{height}" stroke="{PALE_GREY}"/>']
    for i, row in enumerate(shown):
        colour, _, filling = VERDICT_STYLES[row.verdict]
        colour = PALE_GREY if colour == GREY else colour
        y = EDGE + ROW * (i + 0.5)
        low, middle, high = (place(value) for value in _ends(row))
        width = 1 if row.difference and row.difference.is_of_images else 2
        marks.append(
            f'<path d="M{low:.1f} {y:g}H{high:.1f}" stroke="{colour}" stroke-width="{width}"/>'
            f'<circle cx="{middle:.1f}" cy="{y:g}" r="3" '
            f'stroke="{colour}" fill="{colour if filling == "full" else "none"}"/>'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(
        path,
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}">'
        f"{''.join(marks)}</svg>\n",
    )


def _size(row: QuestionRow) -> float:
    assert row.difference is not None
    assert row.difference.estimate is not None
    return abs(row.difference.estimate)


def _ends(row: QuestionRow) -> tuple[float, float, float]:
    """Low, estimate, high in points; without an interval the estimate alone."""
    assert row.difference is not None
    estimate, low, high = row.difference.estimate, row.difference.low, row.difference.high
    low, high = (estimate if end is None else end for end in (low, high))
    a, b, c = in_percent((low, estimate, high))
    return float(a), float(b), float(c)
