"""Reads the plans of sweeps: what was asked for, what was put off, and where its runs lie."""

import json
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import pandas as pd

from titn.paper.printed import printed_table
from titn.records.postponed import Postponed
from titn.records.question import Question, parse_question
from titn.records.run_dir import RunDir
from titn.records.run_files import read_run_files
from titn.records.search import is_search
from titn.records.sweep_dir import (
    LATENCY,
    PLAN,
    POSTPONED,
    DamageError,
    SweepDir,
    latency_to_keep,
    sweep_dirs,
)
from titn.records.sweep_plan import PlannedCell, Setting, merge_settings
from titn.reporting.comparisons.claims import claims_of
from titn.reporting.evidence.run_files import Fault
from titn.reporting.formats import without_paths
from titn.system.errors import first_line
from titn.system.text import printable

# Names of the report's own pages, and endings of its files.
TAKEN = ("README", "audit", "claims", "method", "runs")
ENDS = (".md", ".csv", ".svg")
MAX_LENGTH = 100  # of a part of a sweep's name, which is a file's


@dataclass(frozen=True)
class PlannedSetting:
    """A setting of a sweep. name: the sweep's. timing: of its networks' inference, if measured."""

    name: str
    setting: Setting
    timing: dict[str, Any] | None


def read_plans(directories: Sequence[Path]) -> tuple[list[PlannedSetting], list[Fault]]:
    """All planned settings, and the files of sweeps that cannot be used.

    A setting that the directories of several sweeps have is one. Names are in the order of the
    alphabet, a name's settings in that of their last requests, wherever the plans lie.
    """
    plans, faults = [], []
    for sweep in sweeps_in(directories):
        try:
            plans.append(_plan(sweep))
        except ValueError as error:
            faults.append(fault_of(sweep, PLAN, error))
    plans.sort(key=itemgetter(0))
    requests: dict[str, list[tuple[SweepDir, Setting]]] = {}
    spelt: dict[str, str] = {}
    for name, settings, sweep in plans:
        if (first := spelt.setdefault(_on_any_disk(name), name)) != name:
            reason = f"sweep={name}: is {first} on a disk that does not tell them apart"
            faults.append(fault_of(sweep, PLAN, ValueError(reason)))
            continue
        if is_search(name):
            # Trials on a validation split answer no question; their confirmation does.
            settings = [setting for setting in settings if setting.question]
        requests.setdefault(name, []).extend((sweep, setting) for setting in settings)
    found = []
    for name in requests:
        asked = _in_order(requests[name])
        timings: dict[tuple[str, str], dict[str, Any]] = {}
        for sweep, setting in asked:
            timing, damage = _timing(sweep, setting)
            faults += damage
            if timing is not None:
                known = timings.get(setting.identity, timing)
                timings[setting.identity] = latency_to_keep(known, timing)
        found += [
            PlannedSetting(name, setting, timings.get(setting.identity))
            for setting in merge_settings(setting for _, setting in asked)
        ]
    return found, list(dict.fromkeys(faults))


def read_postponed(
    directories: Sequence[Path],
) -> tuple[dict[str, list[Postponed]], list[Fault]]:
    """Name of the sweep -> what was put off; and the files that cannot be used."""
    found: dict[str, dict[str, Postponed]] = {}
    faults = []
    for sweep in sweeps_in(directories):
        try:
            notes = sweep.postponed()
        except ValueError as error:
            faults.append(fault_of(sweep, POSTPONED, error))
            continue
        try:
            name = sweep.name()
            check_name(name)
        except ValueError:
            continue  # `read_plans` says so
        for note in notes:
            found.setdefault(name, {})[json.dumps(asdict(note), sort_keys=True)] = note
    return {name: [notes[key] for key in sorted(notes)] for name, notes in found.items()}, faults


def runs_elsewhere(directories: Sequence[Path]) -> tuple[list[Path], list[Fault]]:
    """The runs that sweeps in these directories planned, and that lie outside of all of them.

    Only if the planned cell lies there: a plan may come from anyone, and must not open other runs
    of whoever reads it. Another run there, or a damaged one, is a fault of the plan.
    """
    roots = [os.path.realpath(directory) for directory in directories]
    found, faults = [], []
    for sweep in sweeps_in(directories):
        try:
            cells = [cell for setting in _plan(sweep)[1] for cell in setting.cells]
        except ValueError:
            continue  # `read_plans` says so
        for cell in cells:
            run = sweep.run_dir(cell)
            place = Path(os.path.realpath(run.path))
            if any(place.is_relative_to(root) for root in roots) or not run.is_run():
                continue
            if _is_planned_cell(cell, run):
                found.append(run.path)
            else:
                reason = f"directory={cell.directory}: leads elsewhere, to what is not that cell"
                faults.append(fault_of(sweep, PLAN, ValueError(reason)))
    return found, faults


def _is_planned_cell(cell: PlannedCell, run: RunDir) -> bool:
    try:
        return read_run_files(run.path).identity.get("config_hash") == cell.config_hash
    except ValueError:
        return False


def sweeps_in(directories: Sequence[Path]) -> list[SweepDir]:
    """The sweeps at any depth below these directories, each once."""
    found = {
        os.path.realpath(sweep.path): sweep for place in directories for sweep in sweep_dirs(place)
    }
    return list(found.values())


def _plan(sweep: SweepDir) -> tuple[str, list[Setting], SweepDir]:
    """Name and settings; ValueError if the plan is damaged, or no page can be made from it."""
    settings, name = sweep.settings(), sweep.name()
    check_name(name)
    for setting in settings:
        if not setting.rows:
            raise ValueError("settings.rows: there is none")
        if setting.question:
            question = parse_question(setting.question)
            _check_printed(question)
            # Raises if the question names a table that the paper has not.
            claims_of(question)
    return name, settings, sweep


def _in_order(asked: Sequence[tuple[SweepDir, Setting]]) -> Sequence[tuple[SweepDir, Setting]]:
    """The settings of all plans of a name, those first that were requested first.

    One plan has them in this order. Of several the times decide, then what they say.
    """
    if len({sweep for sweep, _ in asked}) == 1:
        return asked
    return sorted(asked, key=lambda one: (one[0].order(one[1]), json.dumps(asdict(one[1]))))


def _on_any_disk(name: str) -> str:
    """The name as disks know it that ignore case, and in which way an accent is written."""
    return unicodedata.normalize("NFC", name).casefold()


def check_name(name: str) -> None:
    """ValueError if a name is not fit for a file, or is that of one of the report's own pages."""
    parts = name.split("/")
    is_path = {"", ".", ".."} & set(parts) or "\\" in name or printable(name) != name
    is_long = any(len(part.encode()) > MAX_LENGTH for part in parts) or len(parts) > 4
    is_taken = _on_any_disk(name) in map(_on_any_disk, TAKEN)
    if is_path or is_long or is_taken or any(part.endswith(ENDS) for part in parts):
        raise ValueError(f"sweep={printable(name):.200}: is not the name of a sweep")


def _check_printed(question: Question) -> None:
    """ValueError if the paper's table has not one number for each row and metric."""
    if question.printed is None:
        return
    table = printed_table(question.printed)
    shown = [metric for metric in question.margins if metric in table]
    if table["row"].duplicated().any() or not all(
        pd.api.types.is_numeric_dtype(table[metric]) for metric in shown
    ):
        raise ValueError(f"question.printed={question.printed}: is no table of these metrics")


def _timing(sweep: SweepDir, setting: Setting) -> tuple[dict[str, Any] | None, list[Fault]]:
    try:
        return sweep.latency(setting), []
    except ValueError as error:
        return None, [fault_of(sweep, LATENCY, error)]


def fault_of(sweep: SweepDir, file: str, error: ValueError) -> Fault:
    """What is wrong with a file, which a page names without the directory in which it lies."""
    reason = error.reason if isinstance(error, DamageError) else first_line(error)
    place = f"{os.path.basename(os.path.realpath(sweep.path))}/{file}"
    return Fault(place, printable(sweep.path / file), without_paths(reason))
