"""The paper against itself: its numbers recomputed, its contradictions, what it claims untested.

The printed side of a check is read from tables/*.csv, or from `prose` where only prose has it; the
recomputed side follows from other printed numbers or from the formulas of `titn.paper.costs`.
Nothing is measured.
"""

from titn.paper.audit.checks_of_results import checks_of_results
from titn.paper.audit.checks_of_sizes import checks_of_sizes
from titn.paper.audit.contradictions_in_numbers import contradictions_in_numbers
from titn.paper.audit.contradictions_in_words import contradictions_in_words
from titn.paper.audit.findings import Audit, Check, Contradiction, Untested
from titn.paper.audit.untested import UNTESTED

__all__ = ["Audit", "Check", "Contradiction", "Untested", "audit"]


def audit() -> Audit:
    """All checks, contradictions and untested claims."""
    checks = (*checks_of_sizes(), *checks_of_results())
    contradictions = (*contradictions_in_numbers(), *contradictions_in_words())
    return Audit(checks, contradictions, UNTESTED)
