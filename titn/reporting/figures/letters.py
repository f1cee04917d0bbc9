"""Letters that the figures' font lacks, such as those of Chinese or Arabic, and emoji.

A figure with one of them holds its texts as text, which the reader's program draws with the fonts
that it has; any other figure holds outlines of letters.
"""

import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

FAMILY = "DejaVu Sans"
# A reader's program may lack that font; Verdana's letters are as wide.
FAMILIES = f"'{FAMILY}', Verdana, sans-serif"
# By how much, in widths of an em, a wide letter is wider than the box that takes its place here.
EXCESS = 0.45


@cache
def _known_letters() -> frozenset[int]:
    return frozenset(get_font(findfont(FAMILY)).get_charmap())


def _lacks(text: str) -> bool:
    return not all(ord(letter) in _known_letters() or letter == "\n" for letter in text)


def is_wide(letter: str) -> bool:
    """Whether it takes a whole em, as Chinese letters and emoji do."""
    return unicodedata.east_asian_width(letter) in "WF"


def lacks_letters(figure: Figure) -> bool:
    """Whether one of its texts has a letter that the font has not."""
    return any(_lacks(text.get_text()) for text in _texts(figure))


def make_room(figure: Figure) -> None:
    """Margins for names beside the axes, as far as wide letters exceed what the layout gives."""
    layout = figure.get_layout_engine()
    if not isinstance(layout, ConstrainedLayoutEngine):
        return
    below = [name for axes in figure.axes for name in axes.get_xticklabels() if name.get_rotation()]
    left = _excess([name for axes in figure.axes for name in axes.get_yticklabels()])
    bottom = _excess(below)
    right = _excess([name for legend in figure.legends for name in legend.get_texts()])
    if bottom:
        for name in below:
            # So that it grows downwards.
            name.set(rotation_mode="anchor", ha="right", va="center")
    if left or bottom or right:
        width, height = 72 * figure.get_size_inches()
        layout.set(rect=(left / width, bottom / height, 1 - (left + right) / width,
                         1 - bottom / height))  # fmt: skip


def _excess(texts: Sequence[Text]) -> float:
    """Of the longest, in points."""
    return max((_wide_letters(text) * EXCESS * float(text.get_fontsize()) for text in texts),
               default=0)  # fmt: skip


def _wide_letters(text: Text) -> int:
    return sum(is_wide(letter) and _lacks(letter) for letter in text.get_text())


def _texts(figure: Figure) -> Iterator[Text]:
    # Labels of ticks have their texts only when they are asked for.
    for axes in figure.axes:
        yield from (*axes.get_xticklabels(), *axes.get_yticklabels())
    yield from figure.findobj(Text)


@contextmanager
def silent_about_letters() -> Iterator[None]:
    """matplotlib warns of each letter that the font lacks; they are dealt with here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def with_families(svg: str) -> str:
    """An SVG whose texts name other fonts for where this one is not."""
    return re.sub(rf"(['\"]|&quot;){FAMILY}\1", FAMILIES, svg)
