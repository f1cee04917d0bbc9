"""Writes all pages of a report."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from titn.config import config_root
from titn.errors import ConfigError, first_line
from titn.questions import Question, question_of
from titn.records.collation import Records
from titn.records.records import MARKS, write_text
from titn.records.sweeps import LATENCY, PLAN, Setting, SweepDir, sweep_dirs
from titn.reporting import audit
from titn.reporting import comparisons as co
from titn.reporting.contents import claims_frame, contents, runs_frame, runs_page
from titn.reporting.evidence import Evidence, Fault, evidence_of, index_of
from titn.reporting.formats import pathless
from titn.reporting.markdown import write_csv
from titn.reporting.pages import Page, page

SETTINGS = TypeAdapter(list[Setting])
# What reading a plan raises that a hand or a full disk has spoilt.
UNUSABLE = (OSError, ValueError, TypeError, KeyError, AttributeError)

# What the report's own pages are called.
TAKEN = ("README", "audit", "claims", "runs")


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


def write(runs: Records, directories: Sequence[Path], out: Path) -> Written:
    """Pages, tables and figures into `out`; files of an earlier report are replaced."""
    index = index_of(runs)
    asked, faults = read_plans(directories)
    evidence: dict[str, list[Evidence]] = {}
    for one in asked:
        found = evidence_of(one.name, one.setting, index, one.timing)
        evidence.setdefault(one.name, []).append(found)
    known = known_questions()
    pages = []
    for name in sorted({*known, *evidence}):
        found_of = evidence.get(name, [])
        pages.append(page(name, _question(found_of, known.get(name)), found_of, index, out))
        write_text(_made(out / pages[-1].path), pages[-1].text)
        faults += [fault for one in found_of for row in one.rows for fault in row.faults]
    audited = audit.audit()
    write_text(out / "audit.md", audit.page(audited))
    write_csv(audit.frame(audited), out / "audit.csv")
    write_csv(claims_frame(pages), out / "claims.csv")
    write_csv(runs_frame(runs), out / "runs.csv")
    write_text(out / "runs.md", runs_page(runs, faults))
    write_text(out / "README.md", contents(pages, audit.summary(audited)))
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
        except UNUSABLE as error:
            # A damaged plan's own message begins with its path, which is not for the page.
            said = first_line(error).removeprefix(f"{sweep.path / PLAN}: ")
            faults.append(_fault(sweep, PLAN, said))
    plans.sort(key=lambda plan: (plan[0], json.dumps([asdict(one) for one in plan[1]])))
    joined: dict[tuple[str, str, str], Asked] = {}
    for name, settings, sweep in plans:
        for setting in settings:
            key = (name, setting.key, setting.source_digest)
            timing, damage = _timing(sweep, setting)
            faults += damage
            if before := joined.get(key):
                setting, timing = before.setting.joined(setting), before.timing or timing
            joined[key] = Asked(name, setting, timing)
    return list(joined.values()), list(dict.fromkeys(faults))


def cells_elsewhere(directories: Sequence[Path]) -> list[Path]:
    """The runs that sweeps in these directories planned, and that lie outside of all of them."""
    roots = [directory.resolve() for directory in directories]
    found = []
    for sweep in _sweeps(directories):
        try:
            cells = [cell for setting in _plan(sweep)[1] for cell in setting.cells]
        except UNUSABLE:
            continue  # `read_plans` says so
        for path in (sweep.run_dir(cell).path for cell in cells):
            is_within = any(path.resolve().is_relative_to(root) for root in roots)
            if not is_within and any((path / mark).exists() for mark in MARKS):
                found.append(path)
    return found


def _sweeps(directories: Sequence[Path]) -> list[SweepDir]:
    found = {one.path.resolve(): one for place in directories for one in sweep_dirs(place)}
    return list(found.values())


def _plan(sweep: SweepDir) -> tuple[str, list[Setting], SweepDir]:
    """Name and settings, with every value of its type; ValueError if one is not."""
    name = sweep.name()
    if not isinstance(name, str) or name in TAKEN or {"", ".", ".."} & set(name.split("/")):
        raise ValueError(f"sweep={name}: is not the name of a sweep")
    try:
        settings = SETTINGS.validate_python([asdict(one) for one in sweep.settings()])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ValueError(f"settings.{key}: {first['msg']}") from None
    for setting in settings:
        if not setting.rows:
            raise ValueError("settings.rows: there is none")
        if setting.question:
            # The table that it names may not be one.
            co.claims_of(question_of(setting.question))
    return name, settings, sweep


def _timing(sweep: SweepDir, setting: Setting) -> tuple[dict[str, Any] | None, list[Fault]]:
    try:
        timing = sweep.latency(setting)
    except (ValueError, AttributeError) as error:
        return None, [_fault(sweep, LATENCY, first_line(error))]
    if timing is None or {"how", "rows"} <= set(timing):
        return timing, []
    return None, [_fault(sweep, LATENCY, "is not what a sweep writes")]


def _fault(sweep: SweepDir, file: str, reason: str) -> Fault:
    place = f"{sweep.path.resolve().name}/{file}"
    return Fault(place, str(sweep.path / file), pathless(reason))


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
