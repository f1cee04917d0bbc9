"""How the reports' figures look and how they are written: SVG, equal bytes for equal data."""

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import LogLocator, MaxNLocator
from matplotlib.transforms import Bbox

from titn.system.files import write_text

WIDTH = 7.5  # inches: what a code host's page shows without shrinking the letters
LONGEST_LABEL, LONGEST_TITLE = 28, 300

# Okabe and Ito's colours without the yellow, which is not seen on white.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK = (
    "#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #000000".split()
)
COLOURS = (BLUE, VERMILLION, GREEN, BLACK, PURPLE, ORANGE, SKY)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
GREY, PALE = "#595959", "#D9D9D9"

STYLE: dict[Any, Any] = {
    "figure.dpi": 72,  # a pixel of the layout is a point of the SVG
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "figure.titlesize": 11,
    "axes.labelsize": 10,
    "legend.fontsize": 10,
    "legend.title_fontsize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
    "axes.formatter.useoffset": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "svg.fonttype": "path",
    "svg.hashsalt": "titn",
}
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@contextmanager
def drawing(path: Path, height: float, title: str = "") -> Iterator[tuple[Figure, Axes]]:
    """A figure of WIDTH by `height` inches with one pair of axes, written at the end."""
    with matplotlib.rc_context():
        # What a user's matplotlibrc says of other figures does not hold here.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        if title:
            figure.suptitle(textwrap.fill(plain(title, LONGEST_TITLE), 75), x=0.01, ha="left")
        axes = figure.add_subplot()
        yield figure, axes
        axes.set_xlabel(textwrap.fill(plain(axes.get_xlabel(), LONGEST_TITLE), 55))
        axes.set_ylabel(textwrap.fill(plain(axes.get_ylabel(), LONGEST_TITLE), 40))
        svg = io.StringIO()
        # Not `savefig`, which draws everything twice.
        FigureCanvasSVG(figure).print_svg(svg, metadata=NO_METADATA)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Letters are drawn as paths and stand as text in comments only; ASCII suits every locale.
    write_text(path, svg.getvalue().encode("ascii", "xmlcharrefreplace").decode())


def row_style(index: int) -> dict[str, Any]:
    """Colour, dashes and marker of the row at `index`: 252 rows differ in at least one."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def plain(text: str, longest: int = LONGEST_LABEL) -> str:
    """A text on one line, its middle cut out where it has more letters than `longest`."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end].rstrip()}…{text[-end:].lstrip()}"


def round_ticks(whole: bool = False) -> MaxNLocator:
    """Up to eight ticks at steps of 1, 2 or 5 times a power of ten; whole: at integers only."""
    return MaxNLocator(8, steps=[1, 2, 5, 10], integer=whole)


def signed(value: float, position: int | None = None) -> str:
    """A tick of a difference, with a sign unless it is zero."""
    return "0" if abs(value) < 1e-9 else f"{value:+g}".replace("-", "\N{MINUS SIGN}")


def amount(value: float, position: int | None = None) -> str:
    """A tick of a cost: 0.5, 20,000, 1.5M, 20G."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:,.6g}" if value < 1e3 else f"{value:,.0f}"


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers, three to eight if there are so many, between the ends of a log axis."""
    sets = [LogLocator(subs=subs, numticks=20) for subs in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7))]
    for locator in (*sets, MaxNLocator(5)):
        ticks = [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]
        if 3 <= len(ticks) <= 8:
            break
    return ticks


# A marker's x and y and the ends of its bar, in the units of the axes.
Spot = tuple[float, float, float, float]
# A label's distance from its marker in points, and which of its sides is there.
Place = tuple[float, float, str, str]


def label_beside(figure: Figure, axes: Axes, labels: Sequence[str], spots: Sequence[Spot]) -> bool:
    """Write each label beside its spot, off all marks and other labels.

    False, and nothing is written, if one of them finds no room.
    """
    figure.draw_without_rendering()
    taken = [_room_of_mark(axes, spot) for spot in spots]
    written: list[Annotation] = []
    for label, spot in zip(labels, spots, strict=True):
        note = axes.annotate(label, spot[:2], (0, 0), textcoords="offset points")
        written.append(note)
        if not _find_room(note, _places(axes, spot), axes.bbox, taken):
            for note in written:
                note.remove()
            return False
        taken.append(note.get_window_extent().padded(1))
    # The room that was found is of this layout: another would move the markers.
    figure.set_layout_engine("none")
    return True


def _room_of_mark(axes: Axes, spot: Spot) -> Bbox:
    """Of a marker and its bar, in points."""
    x, _, low, high = spot
    (left, bottom), (right, top) = axes.transData.transform([(x, low), (x, high)])
    return Bbox([(left - 4, bottom - 4), (right + 4, top + 4)])


def _places(axes: Axes, spot: Spot) -> list[Place]:
    """Where a label may stand, the best first: beside the marker, then at the ends of its bar."""
    x, y, low, high = spot
    (_, middle), (_, bottom), (_, top) = axes.transData.transform([(x, y), (x, low), (x, high)])
    ends = ((top - middle + 6, "bottom"), (bottom - middle - 6, "top"))
    sides = {1: "left", 0: "center", -1: "right"}
    return [
        *((8 * side, shift, sides[side], "center") for shift in (0, 9, -9) for side in (1, -1)),
        *((5 * side, end, sides[side], edge) for side in (0, 1, -1) for end, edge in ends),
    ]


def _find_room(note: Annotation, places: list[Place], frame: Bbox, taken: list[Bbox]) -> bool:
    """Move a label to the first of its places that is free and inside the frame."""
    for right, up, horizontal, vertical in places:
        note.set(position=(right, up), horizontalalignment=horizontal, verticalalignment=vertical)
        box = note.get_window_extent()
        inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
        if inside and not box.count_overlaps(taken):
            return True
    return False
