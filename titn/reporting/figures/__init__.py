"""The figures of the reports' pages: numbers in, an SVG file out.

Accuracies are fractions here as everywhere; axes show percent or percentage points, and their unit
is added to the label that is given. A number may be None or nan where there is none. Files are
written atomically, and equal data give equal bytes under the same versions.
"""

from titn.reporting.figures.classes import (
    Curve,
    Point,
    Row,
    against_cost,
    confusion,
    curves,
    differences,
    intervals,
    per_class,
)

__all__ = [
    "Curve", "Point", "Row", "against_cost", "confusion", "curves", "differences", "intervals",
    "per_class",
]  # fmt: skip
