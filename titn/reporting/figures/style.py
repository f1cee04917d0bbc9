"""How the reports' figures look and how they are written: SVG, equal bytes for equal data."""

import io
import math
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from titn.reporting.figures.letters import (
    FAMILY,
    is_wide,
    lacks_letters,
    make_room,
    silent_about_letters,
    with_families,
)
from titn.system.files import write_text

WIDTH = 7.5  # inches: what a code host's page shows without shrinking the letters
MAX_LABEL_LENGTH, MAX_TITLE_LENGTH = 28, 300
MOST_TICKS = 8  # of an axis over the whole width

# Okabe and Ito's colours without the yellow, which is not seen on white.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK = (
    "#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #000000".split()
)
COLOURS = (BLUE, VERMILLION, GREEN, BLACK, PURPLE, ORANGE, SKY)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
GREY, PALE = "#595959", "#D9D9D9"

MEAN: dict[str, Any] = {"color": BLUE, "linestyle": "", "marker": "o", "markersize": 7}

Floats = NDArray[np.float64]

STYLE: dict[Any, Any] = {
    "figure.dpi": 72,  # a pixel of the layout is a point of the SVG
    "figure.facecolor": "white",
    "font.family": FAMILY,
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
    with drawing_panels(path, height, 1, title) as (figure, (axes,)):
        yield figure, axes


@contextmanager
def drawing_panels(
    path: Path, height: float, panels: int, title: str = ""
) -> Iterator[tuple[Figure, Sequence[Axes]]]:
    """As `drawing`, with pairs of axes beside each other."""
    with matplotlib.rc_context(), silent_about_letters():
        # What a user's matplotlibrc says of other figures does not hold here.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        if title:
            figure.suptitle(textwrap.fill(shorten(title, MAX_TITLE_LENGTH), 75), x=0.01, ha="left")
        row = [figure.add_subplot(1, panels, 1 + i) for i in range(panels)]
        yield figure, row
        for axes in row:
            axes.set_xlabel(filled(shorten(axes.get_xlabel(), MAX_TITLE_LENGTH), 55 // panels))
            axes.set_ylabel(textwrap.fill(shorten(axes.get_ylabel(), MAX_TITLE_LENGTH), 40))
        svg = _svg(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    # ASCII suits every locale.
    write_text(path, svg.encode("ascii", "xmlcharrefreplace").decode())


def filled(text: str, width: int) -> str:
    """Text in lines of at most `width` letters; a key is parted after a dot or an underscore.

    >>> filled("loss.label_smoothing", 18)
    'loss.label_\\nsmoothing'
    """
    if " " in text or len(text) <= width:
        return textwrap.fill(text, width)
    lines = [""]
    for part in re.split(r"(?<=[._])", text):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(textwrap.fill(line, width) for line in lines)


def lay_out(figure: Figure) -> None:
    """Give axes and marks their places, for what is put beside them."""
    make_room(figure)
    figure.draw_without_rendering()


def _svg(figure: Figure) -> str:
    """Letters are drawn as paths, and stand as text in comments only, unless the font lacks one."""
    written = io.StringIO()
    as_text = lacks_letters(figure)
    if as_text:
        make_room(figure)
        matplotlib.rcParams["svg.fonttype"] = "none"
    # Not `savefig`, which draws everything twice.
    FigureCanvasSVG(figure).print_svg(written, metadata=NO_METADATA)
    return with_families(written.getvalue()) if as_text else written.getvalue()


def row_style(index: int) -> dict[str, Any]:
    """Colour, dashes and marker of the row at `index`: 252 rows differ in at least one."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def shorten(text: str, longest: int = MAX_LABEL_LENGTH) -> str:
    """A text on one line, its middle cut out where it has more letters than `longest`.

    A wide letter counts as two.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = " ".join(text.split())
    width = len(text) + sum(map(is_wide, text))
    if width <= longest:
        return text
    longest = longest * len(text) // width
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end].rstrip()}…{text[-end:].lstrip()}"


def short_names(labels: Sequence[str]) -> list[str]:
    """Each label by `shorten`; where that leaves two alike, from where they begin to differ.

    What is alike all the same, or in the label already, has its place in the list before it.
    """
    names = [shorten(label) for label in labels]
    if len(set(names)) == len(names):
        return names
    alike = [[label for label, name in zip(labels, names, strict=True) if name == one]
             for one in names]  # fmt: skip
    names = [
        shorten(_from_difference(label, others))
        for label, others in zip(labels, alike, strict=True)
    ]
    return [
        name if names.count(name) == 1 else shorten(f"{i + 1}: {name}")
        for i, name in enumerate(names)
    ]


def _from_difference(label: str, others: Sequence[str]) -> str:
    """The label without the words that all the others begin with too."""
    label, *others = (shorten(text, sys.maxsize) for text in (label, *others))
    if len(set(others)) == 1:
        return label
    shared = os.path.commonprefix(others)  # noqa: RUF071  of letters, not of directories
    return f"…{label[shared.rfind(' ') + 1 :]}" if " " in shared else f"…{label[len(shared) :]}"


def round_ticks(whole: bool = False, most: int = MOST_TICKS) -> MaxNLocator:
    """Ticks at steps of 1, 2 or 5 times a power of ten; whole: at integers only.

    most: steps between them.
    """
    return MaxNLocator(most, steps=[1, 2, 5, 10], integer=whole)


def signed_tick(value: float, position: int | None = None) -> str:
    """A tick of a difference, with a sign unless it is zero."""
    return "0" if abs(value) < 1e-9 else f"{value:+g}".replace("-", "\N{MINUS SIGN}")


def amount_tick(value: float, position: int | None = None) -> str:
    """A tick of a cost: 0.5, 20,000, 1.5M, 20G."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:,.6g}" if value < 1e3 else f"{value:,.0f}"


def log_ticks(low: float, high: float, most: int = MOST_TICKS) -> list[float]:
    """Round numbers, three to `most` if there are so many, between the ends of a log axis."""
    between = ((1, 2, 5), (1, 1.5, 2, 3, 5, 7))
    sets = [
        LogLocator(subs=subs, numticks=20)
        for subs in ((1,), *(((1, 3),) if most < MOST_TICKS else ()), *between)
    ]
    # Of many powers of ten, every other one or fewer.
    sparse = [LogLocator(numticks=most)] if high > 10.0 ** (most - 1) * low else []
    for locator in (*sets, *sparse, MaxNLocator(min(most, 5))):
        ticks = [float(tick) for tick in locator.tick_values(low, high) if low <= tick <= high]
        if 3 <= len(ticks) <= most:
            break
    return ticks


def is_known(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number)


def in_percent(values: Iterable[float | None]) -> Floats:
    """Fractions in percent; nan for None."""
    return 100 * np.array(list(values), dtype=float)
