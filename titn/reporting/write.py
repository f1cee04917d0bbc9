"""Writes all pages of a report."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from titn.config.overrides import own_dirs_of
from titn.config.paths import config_root
from titn.paper.audit import audit
from titn.records.collation import Records
from titn.records.question import Question, parse_question
from titn.records.question_files import read_question_file
from titn.reporting import audit_page
from titn.reporting.claims_page import are_papers, claims_frame, claims_page, count_findings
from titn.reporting.comparisons.claims import claims_of
from titn.reporting.evidence.evidence import Evidence, collect_evidence
from titn.reporting.evidence.run_files import Fault
from titn.reporting.evidence.run_index import index_runs
from titn.reporting.index import index_page
from titn.reporting.markdown import write_csv
from titn.reporting.method.page import NAME, write_method_page
from titn.reporting.output_files import write_with_parent
from titn.reporting.pages import Page, told_apart, write_page
from titn.reporting.runs_page import runs_frame, runs_page
from titn.reporting.search_page import write_search_page
from titn.reporting.searches import read_searches
from titn.reporting.sweep_plans import read_plans, read_postponed
from titn.system.files import write_text

# Under which the sweeps lie that repeat the paper's own tables and figures.
OF_PAPER = "paper/"


@dataclass(frozen=True)
class Report:
    """The pages that were written; faults: files of sweeps and runs that could not be used."""

    pages: list[Page]
    faults: list[Fault]


def write_report(
    runs: Records,
    directories: Sequence[Path],
    out: Path,
    outside_faults: Sequence[Fault] = (),
    kept: Callable[[Collection[str]], Mapping[str, str]] = lambda _: {},
) -> Report:
    """Write pages, tables and figures into `out`: of the questions that were asked, or put off.

    outside_faults: those of `runs_elsewhere`, which pages name too. kept: name -> title of the
    pages of an earlier report that stay beside these, given the names of these.
    """
    index = index_runs(runs)
    planned, plan_faults = read_plans(directories)
    postponed, note_faults = read_postponed(directories)
    searches, search_faults = read_searches(directories)
    faults = [*plan_faults, *outside_faults, *note_faults, *search_faults]
    evidence: dict[str, list[Evidence]] = {}
    for plan in planned:
        found = collect_evidence(plan.name, plan.setting, index, plan.timing)
        evidence.setdefault(plan.name, []).append(found)
    questions = known_questions()
    pages = []
    for name in sorted({*evidence, *postponed}.difference(searches)):
        settings = evidence.get(name, [])
        question = _latest_question(settings, questions.get(name))
        notes, is_own = postponed.get(name, []), name not in questions or _is_own(settings)
        pages.append(write_page(name, question, settings, index, out, notes, is_own))
        write_with_parent(out / pages[-1].path, pages[-1].text)
        faults += [fault for one in settings for row in one.rows for fault in row.faults]
    pages = told_apart(pages)
    searched = [
        write_search_page(name, searches[name], evidence.get(name, []), index, out)
        for name in sorted(searches)
    ]
    faults = list(dict.fromkeys(faults))
    # The file's topic, where there is one: a plan may be older than topics.
    known = {page.name: questions.get(page.name) or page.question for page in pages}
    topics = {name: question.topic if question else None for name, question in known.items()}
    write_text(out / "runs.md", runs_page(runs, faults))
    write_csv(runs_frame(runs), out / "runs.csv")
    across = _write_pages_across(pages, out)
    written = [*pages, *(one.page for one in searched)]
    kept_titles = kept({page.name for page in written})
    text = index_page(pages, topics, across, kept_titles, searched)
    write_text(out / "README.md", text)
    return Report(written, faults)


def _write_pages_across(pages: Sequence[Page], out: Path) -> list[str]:
    """Write the pages across questions that these give a reason for; their lines in the index."""
    lines = []
    if any(page.question and claims_of(page.question) for page in pages):
        write_csv(claims_frame(pages), out / "claims.csv")
        write_text(out / "claims.md", claims_page(pages))
        called = "The paper's claims" if are_papers(pages) else "Claims"
        lines.append(f"[{called}](claims.md): {count_findings(pages)}.")
    if any(page.name.startswith(OF_PAPER) for page in pages):
        audited = audit()
        write_text(out / "audit.md", audit_page.page(audited))
        write_csv(audit_page.frame(audited), out / "audit.csv")
        lines.append(f"[The paper's numbers, recomputed](audit.md): {audit_page.summary(audited)}")
    if method := write_method_page(pages, out):
        write_text(out / f"{NAME}.md", method)
        lines.append(
            f"[The method beyond the paper]({NAME}.md): which token predicts better, how far a "
            "student becomes like its teacher."
        )
    return lines


def _is_own(settings: Sequence[Evidence]) -> bool:
    """Whether it was asked from a directory of the user's, which may have titn's names too."""
    return any(own_dirs_of(one) for setting in settings for one in setting.setting.commands)


def _latest_question(settings: Sequence[Evidence], known: Question | None) -> Question | None:
    """The question as it was asked last; of a sweep that never was, as its file has it."""
    return settings[-1].question if settings else known


def known_questions() -> dict[str, Question]:
    """Group and name, as ablation/patch_size -> the question of its file in sweeps/."""
    root = config_root() / "sweeps"
    found = {}
    for file in sorted(root.rglob("*.yaml")):
        node = read_question_file(file)
        if node is not None:
            found[file.relative_to(root).with_suffix("").as_posix()] = parse_question(node)
    return found
