"""Finds room for labels beside the marks of a figure."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from titn.reporting.figures.style import lay_out

# A marker's x and y and the ends of its bar, in the units of the axes.
Spot = tuple[float, float, float, float]
Point = NDArray[np.float64]  # (2,)
# A label's distance from its marker in points, and which of its sides is there.
LabelPosition = tuple[float, float, str, str]


def label_beside(figure: Figure, axes: Axes, labels: Sequence[str], spots: Sequence[Spot]) -> bool:
    """Write each label beside its spot, off all marks and other labels, and nearest to its own.

    False, and nothing is written, if one of them finds no room.
    """
    lay_out(figure)
    marks = [axes.transData.transform(spot[:2]) for spot in spots]
    taken = [_room_of_mark(axes, spot) for spot in spots]
    written: list[Annotation] = []
    for label, spot, mark in zip(labels, spots, marks, strict=True):
        note = axes.annotate(label, spot[:2], (0, 0), textcoords="offset points")
        written.append(note)
        places = _places(axes, spot)
        if not _find_room(note, places, axes.bbox, taken, nearest=(mark, marks)):
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


def _places(axes: Axes, spot: Spot) -> list[LabelPosition]:
    """Where a label may stand, the best first: beside the marker, then at the ends of its bar."""
    x, y, low, high = spot
    (_, middle), (_, bottom), (_, top) = axes.transData.transform([(x, y), (x, low), (x, high)])
    ends = ((top - middle + 6, "bottom"), (bottom - middle - 6, "top"))
    sides = {1: "left", 0: "center", -1: "right"}
    return [
        *((8 * side, shift, sides[side], "center") for shift in (0, 9, -9) for side in (1, -1)),
        *((5 * side, end, sides[side], edge) for side in (0, 1, -1) for end, edge in ends),
    ]


def _find_room(
    note: Annotation,
    places: list[LabelPosition],
    frame: Bbox,
    taken: list[Bbox],
    nearest: tuple[Point, Sequence[Point]],
) -> bool:
    """Move a label to the first of its places that is free, inside the frame, and says whose it is.

    nearest: its marker, which has to be the nearest, and all markers.
    """
    own, all_markers = nearest
    for right, up, horizontal, vertical in places:
        note.set(position=(right, up), horizontalalignment=horizontal, verticalalignment=vertical)
        box = note.get_window_extent()
        inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
        distances = [_distance(box, marker) for marker in all_markers]
        is_clear = _distance(box, own) <= min(distances) + 1
        if inside and is_clear and not box.count_overlaps(taken):
            return True
    return False


def _distance(box: Bbox, point: Point) -> float:
    x, y = point
    return math.hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1))
