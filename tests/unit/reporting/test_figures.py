"""What the figures say, read from their SVG: texts stand in comments there, curves as paths."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html import unescape
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from titn.reporting import figures
from titn.reporting.figures import (
    CostPoint,
    Curve,
    IntervalRow,
    QuestionRow,
    Reached,
    Slice,
    classes,
    curves,
    style,
)
from titn.reporting.figures.labels import label_beside
from titn.reporting.figures.rows import VERDICT_STYLES

ROWS = [
    IntervalRow("patch 8", 0.72, 0.70, 0.74, (0.71, 0.72, 0.73)),
    IntervalRow("patch 16", None),
    IntervalRow("patch 4", 0.65, 0.60, 0.70, (0.62, 0.65, 0.68)),
]
QUESTION = [
    QuestionRow("patch 8", ROWS[0], None, "baseline", printed=0.7),
    QuestionRow("patch 16", ROWS[1], None, "", missing="3 of 3 diverged"),
    QuestionRow("patch 4", ROWS[2], IntervalRow("patch 4", -0.07, -0.09, -0.05), "worse"),
    QuestionRow("patch 2", ROWS[2], IntervalRow("patch 2", -0.07), "no verdict"),
]
CURVES = {
    "low": Curve((1, 2, 3), (0.1, 0.5, 0.6), (0.1, 0.4, 0.5), (0.1, 0.6, 0.7), 3),
    "high": Curve((1, 2, 3), (0.2, 0.6, 0.8), (0.1, 0.5, 0.7), (0.3, 0.7, 0.9), 3),
}
POINTS = [CostPoint("small", 36e6, 0.65, 0.63, 0.67), CostPoint("large", 111.4e6, 0.74)]


def confusion_of(num_classes, title="a title"):
    names = [f"c{index}" for index in range(num_classes)]
    matrix = np.full((num_classes, num_classes), 0.1 / (num_classes - 1))
    np.fill_diagonal(matrix, 0.9)
    return matrix, names


def draw_all(directory):
    """One of each."""
    figures.draw_curves(directory / "curves.svg", CURVES, ylabel="accuracy", chance=0.1)
    figures.draw_question(directory / "question.svg", QUESTION, baseline="patch 8")
    figures.draw_small(directory / "small.svg", QUESTION)
    figures.draw_differences(directory / "differences.svg", ROWS, xlabel="difference")
    figures.draw_against_cost(directory / "against_cost.svg", POINTS, xlabel="MACs")
    figures.draw_confusion(directory / "confusion.svg", *confusion_of(4), title="a title")
    changes = np.array([0.1, -0.2])
    names = ("cat", "dog")
    figures.draw_class_changes(
        directory / "per_class.svg", names, changes, changes - 0.1, changes + 0.1, xlabel="recall"
    )


def read(path):
    """The file as an XML tree; it raises if the file is none."""
    return ET.fromstring(path.read_text())


def texts(path):
    """All that is written in a figure, in the order of drawing."""
    return [unescape(text) for text in re.findall(r"<!-- (.*?) -->", path.read_text())]


def fills(path):
    return set(re.findall(r"fill: (#\w{6})", path.read_text()))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    directory = tmp_path_factory.mktemp("figures")
    draw_all(directory)
    return directory


ALL = ("curves", "question", "small", "differences", "against_cost", "confusion", "per_class")


@pytest.mark.parametrize("name", ALL)
def test_another_process_draws_the_same_bytes_with_other_settings(drawn, another_process, name):
    file = f"{name}.svg"
    assert (another_process / file).read_bytes() == (drawn / file).read_bytes()


@pytest.fixture(scope="module")
def another_process(tmp_path_factory):
    directory = tmp_path_factory.mktemp("another")
    code = (
        "import sys, titn.reporting.figures; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[1]); import test_figures\n"
        "test_figures.draw_all(Path(sys.argv[2]))"
    )
    here = Path(__file__).parent
    damaged = directory / "matplotlibrc"
    damaged.write_bytes(b"\xff: not UTF-8")
    users = {"MPLBACKEND": "module://not_installed", "MATPLOTLIBRC": str(damaged)}
    subprocess.run(
        [sys.executable, "-c", code, str(here), str(directory)], check=True, env=os.environ | users
    )
    return directory


def test_a_readers_own_style_changes_nothing(drawn, tmp_path):
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30, "text.color": "red"}):
        draw_all(tmp_path)
    same = [(tmp_path / f"{name}.svg").read_bytes() for name in ALL]
    assert same == [(drawn / f"{name}.svg").read_bytes() for name in ALL]


def test_the_style_is_gone_afterwards(tmp_path):
    before = dict(matplotlib.rcParams)
    figures.draw_differences(tmp_path / "a.svg", ROWS, xlabel="accuracy")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", ALL)
def test_a_figure_is_of_paths_only(drawn, name):
    tags = {element.tag.split("}")[-1] for element in read(drawn / f"{name}.svg").iter()}
    assert tags <= {"svg", "defs", "style", "clipPath", "rect", "g", "path", "use", "circle"}


@pytest.mark.parametrize("name", [name for name in ALL if name != "small"])
def test_the_page_behind_a_figure_is_white(drawn, name):
    # The first path is the figure's own, over all of its size.
    first = next(read(drawn / f"{name}.svg").iter("{http://www.w3.org/2000/svg}path"))
    assert first.get("style") == "fill: #ffffff"


def test_a_figure_is_as_wide_as_a_page(drawn):
    assert read(drawn / "curves.svg").get("width") == "540pt"


def test_more_rows_make_a_higher_figure(tmp_path):
    figures.draw_differences(tmp_path / "few.svg", ROWS, xlabel="accuracy")
    figures.draw_differences(tmp_path / "many.svg", ROWS * 4, xlabel="accuracy")
    heights = [
        float(read(tmp_path / name).get("height").removesuffix("pt"))
        for name in ("few.svg", "many.svg")
    ]
    assert heights[1] > heights[0]


def test_directories_are_made(tmp_path):
    figures.draw_differences(tmp_path / "a" / "b" / "c.svg", ROWS, xlabel="accuracy")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.svg"]


def test_what_cannot_be_drawn_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.svg"
    path.write_text("old")
    with pytest.raises(ValueError, match="same first dimension"):
        figures.draw_curves(path, {"a": Curve((1, 2, 3), (0.1, 0.2))}, ylabel="accuracy")
    assert path.read_text() == "old"


@pytest.mark.parametrize("label", ["$5 or $6", "_hidden", "50 % & <b>", "Äpfel"])
def test_a_label_stands_as_it_is(tmp_path, label):
    path = tmp_path / "a.svg"
    figures.draw_curves(path, {label: Curve((1, 2), (0.1, 0.2))}, ylabel="accuracy")
    assert label in texts(path)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("a" * 28, "a" * 28),
        ("a" * 14 + "b" * 15, "a" * 14 + "…" + "b" * 13),
        ("two\nlines\x00", "two lines"),
    ],
)
def test_a_long_label_loses_its_middle(label, shown):
    assert style.shorten(label) == shown


def test_letters_that_the_font_lacks_are_left_to_the_readers_fonts(tmp_path, recwarn):
    path = tmp_path / "a.svg"
    figures.draw_differences(path, [IntervalRow("猫 cat", 0.5)], xlabel="x")
    names = [element for element in read(path).iter() if element.text == "猫 cat"]
    assert ["Verdana, sans-serif" in name.get("style") for name in names] == [True]
    assert not recwarn.list


def left_end_of_axes(path):
    """Of the vertical line, in points."""
    (line,) = re.findall(r'id="patch_3">\s*<path d="M ([\d.]+) ', path.read_text())
    return float(line)


def test_wide_letters_have_the_room_that_the_layout_does_not_know_of(tmp_path):
    # The box in place of a letter is 0.6 em wide, the letter itself 1 em; an em is 10 points.
    for file, letter in (("wide", "\u732b"), ("narrow", "\u0c85")):
        row = IntervalRow(10 * letter, 0.5)
        figures.draw_differences(tmp_path / file, [row], xlabel="x")
    wide, narrow = (left_end_of_axes(tmp_path / file) for file in ("wide", "narrow"))
    assert wide - narrow >= 0.4 * 10 * 10


LONG = "resnet18 with mixup {} and a long schedule"


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a"], ["1: a", "2: a"]),
        (["a b", "a  b", "A"], ["1: a b", "2: a b", "A"]),
        (
            [LONG.format(0.1), LONG.format(0.2)],
            ["…0.1 and a long schedule", "…0.2 and a long schedule"],
        ),
        (
            ["x" * 30 + "1" + "y" * 20, "x" * 30 + "2" + "y" * 20],
            ["…1" + "y" * 20, "…2" + "y" * 20],
        ),
    ],
)
def test_names_that_would_be_alike_show_where_they_differ(labels, shown):
    assert style.short_names(labels) == shown


HOSTILE = "--><script>\x1b\x00\ud800\ufffe\u202e & ]]>"


def test_a_figure_is_xml_whatever_its_texts_are(tmp_path):
    row = QuestionRow(HOSTILE, IntervalRow(HOSTILE, 0.5), None, "", missing=HOSTILE)
    figures.draw_question(tmp_path / "a.svg", [row], baseline=HOSTILE)
    assert ET.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


def test_a_label_without_end_is_cut(tmp_path):
    figures.draw_differences(tmp_path / "a.svg", ROWS, xlabel="x y" * 100_000)
    assert (tmp_path / "a.svg").stat().st_size < 200_000


def test_rows_differ_without_colour():
    # Twelve rows in grey: dashes and marker are left.
    styles = [style.row_style(index) for index in range(12)]
    assert len({(row["linestyle"], row["marker"]) for row in styles}) == 12


@pytest.mark.parametrize(
    ("value", "shown"), [(2.0, "+2"), (-0.5, "\N{MINUS SIGN}0.5"), (-1e-17, "0")]
)
def test_a_tick_of_a_difference(value, shown):
    assert style.signed_tick(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.25, "0.25"), (20.0, "20"), (20000.0, "20,000"), (1.5e6, "1.5M"), (2e10, "20G")],
)
def test_a_tick_of_a_cost(value, shown):
    assert style.amount_tick(value) == shown


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.9, 1200, [1, 10, 100, 1000]),
        (30, 800, [50, 100, 200, 500]),
        (92, 114, [95, 100, 105, 110]),
        (1, 2e8, [1, 100, 10_000, 1_000_000, 100_000_000]),
    ],
)
def test_a_log_axis_has_round_ticks_in_narrow_and_wide_ranges(low, high, ticks):
    assert style.log_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("chosen", "log", "ticks"),
    [
        ((0.000171, 0.001, 0.0071), True, ["0.0003", "0.001", "0.003"]),
        ((1e-8, 0.2), True, ["1e-08", "1e-06", "0.0001", "0.01"]),
        ((1, 2, 4), True, ["1", "2", "3"]),
        ((1, 2), False, ["1", "2"]),
        ((3, 3), False, ["3"]),
        ((0.0002, 0.0002), True, ["0.0002"]),
        ((0.676, 0.736), False, ["0.68", "0.70", "0.72", "0.74"]),
    ],
)
def test_panels_beside_each_other_have_few_ticks_and_whole_ones_of_whole_numbers(
    tmp_path, chosen, log, ticks
):
    reached = [Reached(i, "complete", 1000.0 + i) for i in range(len(chosen))]
    one = Slice("a key", chosen, reached, log=log)
    figures.draw_slices(tmp_path / "a.svg", [one] * 3, ylabel="reached")
    shown = texts(tmp_path / "a.svg")
    assert shown[: shown.index("a key")] == ticks


def test_curves_are_in_percent(drawn):
    assert {"accuracy (%)", "20", "40", "60", "80"} <= set(texts(drawn / "curves.svg"))


def test_the_legend_is_in_the_order_of_the_last_values(drawn):
    assert texts(drawn / "curves.svg")[-3:] == ["high", "low", "chance"]


def test_a_curve_that_breaks_off_stands_where_it_was_last_seen(tmp_path):
    path = tmp_path / "a.svg"
    broken = Curve((1, 2, 3), (0.1, 0.7, np.nan), num_seeds=3)
    figures.draw_curves(path, {**CURVES, "broken": broken}, ylabel="accuracy")
    assert texts(path)[-3:] == ["high", "broken", "low"]


def test_a_curve_says_what_it_averages(drawn):
    assert "mean and range of 3 seeds" in texts(drawn / "curves.svg")


def test_a_curve_that_lacks_seeds_says_so(tmp_path):
    path = tmp_path / "a.svg"
    figures.draw_curves(path, {**CURVES, "x": Curve((1, 2), (0.1, 0.2))}, ylabel="accuracy")
    assert texts(path)[-1] == "x (1 seed)"


@pytest.mark.parametrize(("chance", "is_drawn"), [(0.1, True), (0.01, False)])
def test_chance_is_drawn_where_it_leaves_the_curves_room(tmp_path, chance, is_drawn):
    path = tmp_path / "a.svg"
    figures.draw_curves(path, {"a": Curve((1, 2), (0.2, 0.45))}, ylabel="accuracy", chance=chance)
    assert ("chance" in texts(path)) is is_drawn


def test_a_long_curve_is_thinned_to_its_ends():
    thinned = curves._thinned(np.arange(1000))
    assert (len(thinned), thinned[0], thinned[-1]) == (120, 0, 999)


def test_a_short_curve_is_not_thinned():
    assert curves._thinned((3, 1, 2)).tolist() == [3, 1, 2]


def test_rows_stand_in_the_given_order(drawn):
    labels = [text for text in texts(drawn / "question.svg") if text.startswith("patch")]
    assert labels == ["patch 8", "patch 16", "patch 4", "patch 2"]


def test_the_marks_are_explained(drawn):
    marks = ["mean and 95% interval", "one seed", "the paper's number", "worse", "no verdict"]
    assert texts(drawn / "question.svg")[-5:] == marks


@pytest.mark.parametrize(("of_images", "more"), [(True, ["95%, other images alone"]), (False, [])])
def test_an_interval_of_images_alone_is_explained(tmp_path, of_images, more):
    one = IntervalRow("one", 0.7, 0.6, 0.8, is_of_images=of_images)
    figures.draw_question(tmp_path / "a.svg", [QuestionRow("one", one, None, "")], baseline=None)
    assert texts(tmp_path / "a.svg")[-1 - len(more) :] == ["mean and 95% interval", *more]


def test_marks_that_are_not_there_are_not_explained(tmp_path):
    row = QuestionRow("one", IntervalRow("one", 0.7), None, "")
    figures.draw_question(tmp_path / "a.svg", [row], baseline=None)
    assert texts(tmp_path / "a.svg")[-2:] == ["one", "mean and 95% interval"]


def test_a_row_without_an_estimate_says_why(drawn):
    assert "3 of 3 diverged" in texts(drawn / "question.svg")


def test_a_row_of_nan_has_no_estimate(tmp_path):
    path = tmp_path / "a.svg"
    figures.draw_differences(path, [IntervalRow("a", np.nan, np.nan, np.nan)], xlabel="accuracy")
    assert "no value" in texts(path)


def test_a_verdict_is_told_without_its_colour():
    marks = [(marker, filling) for _, marker, filling in VERDICT_STYLES.values()]
    assert len(set(marks)) == len(marks)


def test_a_small_figure_has_a_mark_for_each_difference(drawn):
    svg = "{http://www.w3.org/2000/svg}"
    worse, unjudged = read(drawn / "small.svg").iter(f"{svg}circle")
    # Both 7 points below the baseline, at the middle, and the farthest end 9 points.
    assert worse.get("cx") == unjudged.get("cx") == f"{60 - 55 * 7 / 9:.1f}"
    assert worse.get("fill") != unjudged.get("fill")


def test_a_small_figure_of_many_rows_has_those_that_differ_most(tmp_path):
    rows = [QuestionRow(f"{i}", ROWS[0], IntervalRow(f"{i}", i / 100), "better") for i in range(20)]
    figures.draw_small(tmp_path / "a.svg", rows)
    assert (tmp_path / "a.svg").read_text().count("<circle") == 8


def test_differences_are_in_signed_points(drawn):
    said = texts(drawn / "differences.svg")
    assert {"0", "+20", "+40", "+60", "difference (percentage points)"} <= set(said)


def test_points_are_named_without_a_legend(drawn):
    path = drawn / "against_cost.svg"
    assert {"small", "large"} <= set(texts(path))
    assert "legend_1" not in {element.get("id") for element in read(path).iter()}


def test_points_that_crowd_are_named_in_a_legend(tmp_path):
    path = tmp_path / "a.svg"
    points = [CostPoint(f"row {index}", 100.0, 0.7) for index in range(12)]
    figures.draw_against_cost(path, points, xlabel="MACs")
    assert texts(path)[-12:] == [point.label for point in points]


def test_labels_do_not_lie_on_each_other(tmp_path):
    spots = [(10.0, 50.0, 49.0, 51.0), (10.5, 50.2, 49.5, 51.0), (11.0, 50.1, 48.0, 53.0)]
    with style.drawing(tmp_path / "a.svg", 4) as (figure, axes):
        axes.set(xlim=(0, 20), ylim=(40, 60))
        assert label_beside(figure, axes, ["first", "second", "third"], spots)
        boxes = [note.get_window_extent() for note in axes.texts]
    assert [box.count_overlaps(boxes) for box in boxes] == [1, 1, 1]  # each with itself


def test_a_label_is_nearest_to_its_own_point(tmp_path):
    """A place at the end of a long bar, which others lie on, would look like a point there."""
    levels = (0.9907, 0.9889, 0.9861, 0.9889, 0.9880, 0.9898, 0.9944, 0.9843, 0.9843, 0.9889)
    points = [CostPoint(f"row {i}", 111.4, y, y - 0.01, y + 0.01) for i, y in enumerate(levels)]
    figures.draw_against_cost(tmp_path / "a.svg", points, xlabel="MACs")
    assert "legend_1" in {element.get("id") for element in read(tmp_path / "a.svg").iter()}


def test_a_point_without_an_estimate_is_left_out(tmp_path):
    path = tmp_path / "a.svg"
    figures.draw_against_cost(path, [*POINTS, CostPoint("diverged", 5e7, None)], xlabel="MACs")
    assert "diverged" not in texts(path)


@pytest.mark.filterwarnings("error")
def test_equal_costs_have_an_axis(tmp_path):
    path = tmp_path / "a.svg"
    points = [CostPoint("a", 100.0, 0.7), CostPoint("b", 100.0, 0.8)]
    figures.draw_against_cost(path, points, xlabel="MACs")
    assert "100" in texts(path)


def test_an_interval_around_points_is_named(drawn, tmp_path):
    assert "top-1 (%) with 95% interval" in texts(drawn / "against_cost.svg")
    path = tmp_path / "a.svg"
    points = [*POINTS, CostPoint("one seed", 1e7, 0.7, 0.6, 0.8, is_of_images=True)]
    figures.draw_against_cost(path, points, xlabel="MACs")
    assert "dotted: for other images alone" in " ".join(texts(path))


def test_cells_of_few_classes_hold_percentages(drawn):
    # 0.9 on the diagonal and 0.1 / 3 beside it.
    numbers = [text for text in texts(drawn / "confusion.svg") if "." in text]
    assert sorted(numbers) == ["0.5", *["3.3"] * 12, *["90.0"] * 4]  # 0.5 is of the colour bar


def test_cells_of_many_classes_hold_none(tmp_path):
    figures.draw_confusion(tmp_path / "a.svg", *confusion_of(13), title="a title")
    assert "90.0" not in texts(tmp_path / "a.svg")


@pytest.mark.parametrize(("share", "num_colours"), [(0.004, 0), (0.01, 1)])
def test_a_mistake_of_one_percent_has_a_colour(tmp_path, share, num_colours):
    # Thirteen classes, so that the colours are those of cells and colour bar, not of numbers.
    figures.draw_confusion(tmp_path / "right.svg", np.eye(13), ["c"] * 13, title="a title")
    matrix = np.eye(13)
    matrix[0, :2] = 1 - share, share
    figures.draw_confusion(tmp_path / "wrong.svg", matrix, ["c"] * 13, title="a title")
    paths = [len(paths_of_cells(tmp_path / name)) for name in ("right.svg", "wrong.svg")]
    assert paths[1] - paths[0] == num_colours


def paths_of_cells(path):
    """Paths that the axes' own rectangle clips, with something drawn in them."""
    elements = read(path).iter("{http://www.w3.org/2000/svg}path")
    return [element for element in elements if element.get("clip-path") and element.get("d")]


def test_neighbours_of_a_row_are_drawn_as_one_cell():
    members = np.array([[True, True, False], [False, False, True]])
    vertices = classes._cells(members, "black").get_path().vertices
    assert vertices.reshape(2, 5, 2).tolist() == [
        [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]],
        [[2, 1], [3, 1], [3, 2], [2, 2], [2, 1]],
    ]


def test_every_fourth_of_a_hundred_classes_is_named(tmp_path):
    figures.draw_confusion(tmp_path / "a.svg", *confusion_of(100), title="a title")
    names = {text for text in texts(tmp_path / "a.svg") if re.fullmatch(r"c\d+", text)}
    assert names == {f"c{index}" for index in range(0, 100, 4)}


def test_a_class_without_images_is_white(tmp_path):
    matrix = np.eye(3)
    matrix[1] = np.nan
    figures.draw_confusion(tmp_path / "a.svg", matrix, ["a", "b", "c"], title="a title")
    cells = paths_of_cells(tmp_path / "a.svg")
    assert sum(cell.get("style") == "fill: #ffffff" for cell in cells) == 1


def test_classes_are_in_the_order_of_their_change(tmp_path):
    path = tmp_path / "a.svg"
    figures.draw_class_changes(
        path, ("a", "b", "c", "d"), *[(0.0, 0.2, np.nan, -0.1)] * 3, xlabel="recall"
    )
    assert [text for text in texts(path) if text in "abcd"] == ["b", "a", "d"]


def test_of_many_classes_the_ends_are_shown(tmp_path):
    path = tmp_path / "a.svg"
    names = [f"c{index}" for index in range(25)]
    figures.draw_class_changes(path, names, *[np.arange(25) / 100] * 3, xlabel="recall")
    shown = [text for text in texts(path) if re.fullmatch(r"c\d+", text)]
    assert shown == [f"c{index}" for index in (*range(24, 14, -1), *range(9, -1, -1))]


def test_the_title_says_how_many_classes_there_are(tmp_path):
    path = tmp_path / "a.svg"
    figures.draw_class_changes(path, ["c"] * 25, *[np.arange(25) / 100] * 3, xlabel="recall")
    assert "The 10 highest and the 10 lowest of 25 classes" in texts(path)


def test_a_waterfall_has_a_name_for_each_level_and_step(tmp_path):
    steps = [
        figures.WaterfallStep(figures.IntervalRow("mix", 0.1, 0.05, 0.15), "better"),
        figures.WaterfallStep(figures.IntervalRow("width", None), "no verdict"),
    ]
    begin, end = figures.IntervalRow("from", 0.5, 0.4, 0.6), figures.IntervalRow("to", 0.6)
    figures.draw_waterfall(tmp_path / "a.svg", begin, steps, end)
    drawn = (tmp_path / "a.svg").read_text()
    assert all(f"<!-- {name} -->" in drawn for name in ("from", "mix", "width", "to", "better"))
