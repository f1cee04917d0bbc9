"""The figures of the reports' pages: numbers in, an SVG file out.

Accuracies are fractions here as everywhere; axes show percent or percentage points, and their unit
is added to the label that is given. A number may be None or nan where there is none. Files are
written atomically, and equal data give equal bytes under the same versions.
"""

from titn.reporting.figures import default_settings  # noqa: F401  before all that need matplotlib
from titn.reporting.figures.classes import draw_class_changes, draw_confusion
from titn.reporting.figures.cost import CostPoint, draw_against_cost
from titn.reporting.figures.curves import Curve, draw_curves
from titn.reporting.figures.intervals import IntervalRow, draw_differences, interval_row
from titn.reporting.figures.rows import QuestionRow, draw_question
from titn.reporting.figures.search import Reached, Slice, draw_front, draw_history, draw_slices
from titn.reporting.figures.small import draw_small
from titn.reporting.figures.waterfall import WaterfallStep, draw_waterfall

__all__ = [
    "CostPoint",
    "Curve",
    "IntervalRow",
    "QuestionRow",
    "Reached",
    "Slice",
    "WaterfallStep",
    "draw_against_cost",
    "draw_class_changes",
    "draw_confusion",
    "draw_curves",
    "draw_differences",
    "draw_front",
    "draw_history",
    "draw_question",
    "draw_slices",
    "draw_small",
    "draw_waterfall",
    "interval_row",
]
