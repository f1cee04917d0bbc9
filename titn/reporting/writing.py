"""Writes all pages of a report."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from titn.config import config_root
from titn.errors import ConfigError
from titn.questions import Question, question_of
from titn.records.collation import Records
from titn.records.records import write_text
from titn.records.sweeps import sweep_dirs
from titn.reporting import audit
from titn.reporting.contents import claims_frame, contents, runs_frame, runs_page
from titn.reporting.evidence import Evidence, evidence_of, index_of
from titn.reporting.markdown import write_csv
from titn.reporting.pages import Page, page


def write(runs: Records, directories: Sequence[Path], out: Path) -> list[Page]:
    """Pages, tables and figures into `out`; files of an earlier report are replaced."""
    index = index_of(runs)
    evidence: dict[str, list[Evidence]] = {}
    for directory in directories:
        for sweep in sweep_dirs(directory):
            for setting in sweep.settings():
                one = evidence_of(sweep.name(), setting, index, sweep.latency(setting))
                evidence.setdefault(sweep.name(), []).append(one)
    known = known_questions()
    pages = []
    for name in sorted({*known, *evidence}):
        asked = evidence.get(name, [])
        pages.append(page(name, _question(asked, known.get(name)), asked, index, out))
        write_text(_made(out / pages[-1].path), pages[-1].text)
    audited = audit.audit()
    write_text(out / "audit.md", audit.page(audited))
    write_csv(audit.frame(audited), out / "audit.csv")
    write_csv(claims_frame(pages), out / "claims.csv")
    write_csv(runs_frame(runs), out / "runs.csv")
    write_text(out / "runs.md", runs_page(runs))
    write_text(out / "README.md", contents(pages, audit.summary(audited)))
    return pages


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
