"""Draw the rooms of titn and what they import: docs/architecture.svg, and the table beside it.

    python docs/draw_architecture.py            # write both
    python docs/draw_architecture.py --check    # exit code 1 if they are not what the imports say

The floors are those of the import contract in pyproject.toml, the arrows are read from the imports.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PAGE, FIGURE = ROOT / "docs" / "architecture.md", ROOT / "docs" / "architecture.svg"
BEGIN, END = "<!-- drawn: rooms -->", "<!-- drawn: end -->"

WIDTH, BOX_HEIGHT, FLOOR_HEIGHT, MARGIN = 960, 40, 92, 20
BOX_WIDTH, COLUMN = 108, 152
# Where a room's box stands on its floor, in columns: what trains to the left, what reports to the
# right, so that no arrow runs behind a box. A room that is not here goes to the right end.
COLUMNS = {
    "doors": 2.6, "api": 2.6, "sweeps": 1.5, "reporting": 4.7, "exporting": 0.4, "cells": 2.2,
    "profiling": 0.8, "training": 1.1,
    "models": 0, "losses": 0.9, "data": 1.8, "optim": 2.7, "records": 4.3, "paper": 5.2,
    "config": 3.0, "source": 3.0, "types": 0.6, "system": 3.6,
}  # fmt: skip
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555")

Arrows = dict[str, set[str]]


def floors() -> list[list[str]]:
    """The rooms of each floor, from the top; the doors count as one room."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(one["layers"] for one in contracts["contracts"] if one["type"] == "layers")
    names = [[name.strip() for name in layer.split("|")] for layer in layers]
    return [["doors"], *names[1:]]


def arrows() -> Arrows:
    """room -> the rooms that it imports."""
    graph = grimp.build_graph("titn", cache_dir=None)
    doors = {name for name in graph.find_children("titn") if not graph.find_children(name)}
    doors.discard("titn.types")

    def room(module: str) -> str:
        return "doors" if module in doors else module.split(".")[1]

    found: Arrows = {}
    for module in sorted(graph.modules - {"titn"}):
        for imported in sorted(graph.find_modules_directly_imported_by(module) - {"titn"}):
            if room(module) != room(imported):
                found.setdefault(room(module), set()).add(room(imported))
    return found


def reduced(found: Arrows) -> list[tuple[str, str]]:
    """The arrows that no path of others implies."""

    def reaches(start: str, end: str) -> bool:
        return any(one == end or reaches(one, end) for one in found.get(start, ()))

    return [
        (start, end)
        for start, ends in found.items()
        for end in sorted(ends)
        if not any(reaches(other, end) for other in ends if other != end)
    ]


def table(found: Arrows) -> str:
    """A line for each room: which rooms it imports."""
    order = [name for floor in floors() for name in floor]
    lines = ["| room | imports |", "| :-- | :-- |"]
    for name in order:
        ends = sorted(found.get(name, ()), key=order.index)
        lines.append(f"| {name} | {', '.join(ends) or 'nothing of titn'} |")
    total = sum(map(len, found.values()))
    lines += ["", f"{len(order)} rooms on {len(floors())} floors, {total} arrows between them."]
    return "\n".join(lines)


def figure(found: Arrows) -> str:
    """An SVG: a row of boxes for each floor; arrows lead down to what is imported."""
    places: dict[str, tuple[float, float, float]] = {}
    for level, floor in enumerate(floors()):
        for name in floor:
            x = MARGIN + COLUMNS.get(name, 5.2) * COLUMN
            places[name] = (x, MARGIN + level * FLOOR_HEIGHT, BOX_WIDTH)
    height = 2 * MARGIN + (len(floors()) - 1) * FLOOR_HEIGHT + BOX_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="15">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="context-stroke"/>'
        "</marker></defs>",
    ]
    lines = reduced(found)
    order = list(places)
    for start, end in lines:
        x1, y1 = _port(places, lines, start, end, leaving=True)
        x2, y2 = _port(places, lines, end, start, leaving=False)
        colour = COLOURS[order.index(start) % len(COLOURS)]
        middle = (y1 + y2) / 2
        parts.append(
            f'<path d="M{x1:.0f},{y1:.0f} C{x1:.0f},{middle:.0f} {x2:.0f},{middle:.0f} '
            f'{x2:.0f},{y2:.0f}" fill="none" stroke="{colour}" stroke-width="1.6" '
            'marker-end="url(#head)"/>'
        )
    for name, (x, y, width) in places.items():
        parts.append(
            f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{BOX_HEIGHT}" rx="6" '
            f'fill="#f4f6f8" stroke="{COLOURS[order.index(name) % len(COLOURS)]}" '
            'stroke-width="1.6"/>'
            f'<text x="{x + width / 2:.0f}" y="{y + BOX_HEIGHT / 2 + 5:.0f}" '
            f'text-anchor="middle">{name}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _port(
    places: dict, lines: list[tuple[str, str]], name: str, other: str, leaving: bool
) -> tuple[float, float]:
    """Where an arrow leaves or meets a box: its own place along the side, from left to right."""
    x, y, width = places[name]
    others = [b if leaving else a for a, b in lines if (a if leaving else b) == name]
    others.sort(key=lambda one: places[one][0] + places[one][2] / 2)
    share = (others.index(other) + 1) / (len(others) + 1)
    return x + share * width, y + BOX_HEIGHT if leaving else y


def page(text: str, found: Arrows) -> str:
    """The page with its table written anew."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n{table(found)}\n{END}", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    arguments = parser.parse_args()
    found = arrows()
    wanted = {FIGURE: figure(found), PAGE: page(PAGE.read_text(), found)}
    if not arguments.check:
        for path, text in wanted.items():
            path.write_text(text)
        return 0
    stale = [path.name for path, text in wanted.items() if not _is(path, text)]
    if stale:
        print(f"docs/{', docs/'.join(stale)}: stale; python docs/draw_architecture.py writes them")
    return bool(stale)


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
