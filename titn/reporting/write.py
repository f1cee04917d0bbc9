"""Writes all pages of a report."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from titn.config.paths import config_root
from titn.paper.audit import audit
from titn.paper.printed import printed_table
from titn.records.collation import Records
from titn.records.postponed import Postponed
from titn.records.question import Question, question_of
from titn.records.run_dir import RunDir
from titn.records.run_files import read_run_files
from titn.records.sweep_dir import LATENCY, PLAN, POSTPONED, DamageError, SweepDir, sweep_dirs
from titn.records.sweep_plan import PlannedCell, Setting
from titn.reporting import audit_page
from titn.reporting import comparisons as co
from titn.reporting.evidence import Evidence, Fault, evidence_of, index_of
from titn.reporting.formats import pathless
from titn.reporting.index import claims_frame, contents, runs_frame, runs_page
from titn.reporting.markdown import write_csv
from titn.reporting.method_page import NAME, method
from titn.reporting.pages import Page, page
from titn.system.errors import ConfigError, first_line
from titn.system.files import write_text
from titn.system.text import printable

# What the report's own pages are called, and how its files end.
TAKEN = ("README", "audit", "claims", NAME, "runs")
ENDS = (".md", ".csv", ".svg")
LONGEST = 100  # of a part of a sweep's name, which is a file's


@dataclass(frozen=True)
class Asked:
    """A setting of a sweep. name: the sweep's. timing: of its networks' inference, if there is."""

    name: str
    setting: Setting
    timing: dict[str, Any] | None


@dataclass(frozen=True)
class Written:
    """faults: files of sweeps and beside records that could not be used."""

    pages: list[Page]
    faults: list[Fault]


def write(
    runs: Records, directories: Sequence[Path], out: Path, strangers: Sequence[Fault] = ()
) -> Written:
    """Pages, tables and figures into `out`; files of an earlier report are replaced.

    strangers: the faults of `cells_elsewhere`, which pages name too.
    """
    index = index_of(runs)
    asked, faults = read_plans(directories)
    faults += strangers
    evidence: dict[str, list[Evidence]] = {}
    for one in asked:
        found = evidence_of(one.name, one.setting, index, one.timing)
        evidence.setdefault(one.name, []).append(found)
    known = known_questions()
    notes, damage = read_notes(directories)
    faults += damage
    pages = []
    for name in sorted({*known, *evidence, *notes}):
        found_of, put_off = evidence.get(name, []), notes.get(name, [])
        question = _question(found_of, known.get(name))
        pages.append(page(name, question, found_of, index, out, put_off))
        write_text(_made(out / pages[-1].path), pages[-1].text)
        faults += [fault for one in found_of for row in one.rows for fault in row.faults]
    audited = audit()
    write_text(out / "audit.md", audit_page.page(audited))
    write_csv(audit_page.frame(audited), out / "audit.csv")
    write_text(out / f"{NAME}.md", method(pages, out))
    write_csv(claims_frame(pages), out / "claims.csv")
    write_csv(runs_frame(runs), out / "runs.csv")
    write_text(out / "runs.md", runs_page(runs, faults))
    write_text(out / "README.md", contents(pages, audit_page.summary(audited)))
    return Written(pages, list(dict.fromkeys(faults)))


def read_plans(directories: Sequence[Path]) -> tuple[list[Asked], list[Fault]]:
    """All settings that were asked for, and the files of sweeps that cannot be used.

    A setting that several sweeps' directories have is one; their order is that of what they hold,
    wherever they lie.
    """
    plans, faults = [], []
    for sweep in _sweeps(directories):
        try:
            plans.append(_plan(sweep))
        except ValueError as error:
            faults.append(_fault(sweep, PLAN, error))
    plans.sort(key=lambda plan: (plan[0], json.dumps([asdict(one) for one in plan[1]])))
    joined: dict[tuple[str, str, str], Asked] = {}
    for name, settings, sweep in plans:
        for setting in settings:
            key = (name, setting.key, setting.source_digest)
            timing, damage = _timing(sweep, setting)
            faults += damage
            if before := joined.get(key):
                setting, timing = before.setting.merged(setting), before.timing or timing
            joined[key] = Asked(name, setting, timing)
    return list(joined.values()), list(dict.fromkeys(faults))


def read_notes(
    directories: Sequence[Path],
) -> tuple[dict[str, list[Postponed]], list[Fault]]:
    """What was put off, by the sweep's name, and the files that cannot be used."""
    found: dict[str, dict[str, Postponed]] = {}
    faults = []
    for sweep in _sweeps(directories):
        try:
            notes = sweep.postponed()
        except ValueError as error:
            faults.append(_fault(sweep, POSTPONED, error))
            continue
        try:
            name = sweep.name()
            _check_name(name)
        except ValueError:
            continue  # `read_plans` says so
        for note in notes:
            found.setdefault(name, {})[json.dumps(asdict(note), sort_keys=True)] = note
    return {name: [notes[key] for key in sorted(notes)] for name, notes in found.items()}, faults


def cells_elsewhere(directories: Sequence[Path]) -> tuple[list[Path], list[Fault]]:
    """The runs that sweeps in these directories planned, and that lie outside of all of them.

    Only if it is the planned cell that lies there: a plan, which may be anyone's, does not open
    other runs of its reader's. What is not it, or cannot be read, is a fault of the plan.
    """
    roots = [os.path.realpath(directory) for directory in directories]
    found, faults = [], []
    for sweep in _sweeps(directories):
        try:
            cells = [cell for setting in _plan(sweep)[1] for cell in setting.cells]
        except ValueError:
            continue  # `read_plans` says so
        for cell in cells:
            run = sweep.run_dir(cell)
            place = Path(os.path.realpath(run.path))
            if any(place.is_relative_to(root) for root in roots) or not run.is_run():
                continue
            if _is(cell, run):
                found.append(run.path)
            else:
                said = f"directory={cell.directory}: leads elsewhere, to what is not that cell"
                faults.append(_fault(sweep, PLAN, ValueError(said)))
    return found, faults


def _is(cell: PlannedCell, run: RunDir) -> bool:
    try:
        return read_run_files(run.path).identity["config_hash"] == cell.config_hash
    except ValueError:
        return False


def _sweeps(directories: Sequence[Path]) -> list[SweepDir]:
    found = {os.path.realpath(one.path): one for place in directories for one in sweep_dirs(place)}
    return list(found.values())


def _plan(sweep: SweepDir) -> tuple[str, list[Setting], SweepDir]:
    """Name and settings; ValueError if the plan is damaged or no page can be made of it."""
    settings, name = sweep.settings(), sweep.name()
    _check_name(name)
    for setting in settings:
        if not setting.rows:
            raise ValueError("settings.rows: there is none")
        if setting.question:
            question = question_of(setting.question)
            _check_printed(question)
            # The table that it names may not be one.
            co.claims_of(question)
    return name, settings, sweep


def _check_name(name: str) -> None:
    """ValueError if no file should be called so, or if the report calls another so."""
    parts = name.split("/")
    is_path = {"", ".", ".."} & set(parts) or "\\" in name or printable(name) != name
    is_long = any(len(part.encode()) > LONGEST for part in parts) or len(parts) > 4
    if is_path or is_long or name in TAKEN or any(part.endswith(ENDS) for part in parts):
        raise ValueError(f"sweep={printable(name):.200}: is not the name of a sweep")


def _check_printed(question: Question) -> None:
    """ValueError for a table of the paper that has not one number for each of its rows."""
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
        return None, [_fault(sweep, LATENCY, error)]


def _fault(sweep: SweepDir, file: str, error: ValueError) -> Fault:
    """Without the directory that it lies in, which is not for the page."""
    reason = error.reason if isinstance(error, DamageError) else first_line(error)
    place = f"{os.path.basename(os.path.realpath(sweep.path))}/{file}"
    return Fault(place, printable(sweep.path / file), pathless(reason))


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _question(evidence: Sequence[Evidence], known: Question | None) -> Question | None:
    """As it was last asked; of a sweep that was not, as its file has it."""
    return evidence[-1].question if evidence else known


def known_questions() -> dict[str, Question]:
    """The questions of sweeps/, by group and name."""
    root = config_root() / "sweeps"
    found = {}
    for file in sorted(root.rglob("*.yaml")):
        node = yaml.safe_load(file.read_text()).get("question")
        name = file.relative_to(root).with_suffix("").as_posix()
        if node is not None:
            try:
                found[name] = question_of(node)
            except ConfigError as error:
                raise ConfigError(f"{file}: {error}") from None
    return found
