"""Reads the trials of searches, as their workers have left them beside their sweeps."""

from collections.abc import Sequence
from pathlib import Path

from titn.records.search import SEARCH
from titn.records.sweep_dir import TRIALS
from titn.records.trials import TrialsFile
from titn.reporting.evidence.run_files import Fault
from titn.reporting.sweep_plans import check_name, fault_of, sweeps_in


def read_searches(directories: Sequence[Path]) -> tuple[dict[str, TrialsFile], list[Fault]]:
    """Name of the page, as search/rate -> its trials; and the files that cannot be used.

    Of several copies of a study the one with the most trials counts.
    """
    found: dict[str, TrialsFile] = {}
    faults = []
    for sweep in sweeps_in(directories):
        try:
            trials = sweep.trials()
            if trials is None:
                continue
            name = f"{SEARCH}/{trials.study}"
            check_name(name)
        except ValueError as error:
            faults.append(fault_of(sweep, TRIALS, error))
            continue
        if name not in found or found[name].is_earlier_than(trials):
            found[name] = trials
    return found, faults
