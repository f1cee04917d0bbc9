"""Every shell command of the documentation is one that titn takes, as far as that costs nothing.

Commands that train are composed and checked, of sweeps the last cell, and nothing is
read of the disk; the others have their arguments parsed.
"""

import re
import sys
import tomllib
from functools import cache
from importlib import import_module

import pytest
from doc_blocks import CHECKOUT, blocks
from page_shell import Call, session

import titn.train as train_door
from titn.api.composing import checked_run
from titn.config import resolve
from titn.config.plugins import load_plugins
from titn.sweeps import compose_jobs
from titn.sweeps.job import _resolve
from titn.sweeps.overrides import quote_for_hydra
from titn.sweeps.sweep import Sweep

# Blocks that no machine like this one can run, by their reason; composed all the same.
NOT_RUN = {"needs Slurm": 6, "needs a cluster of Ray": 1, "needs two GPUs": 1, "needs two hosts": 1}

SHELL_PAGES = sorted(
    {block.place.partition(":")[0] for block in blocks() if block.language == "sh"}
)
SESSIONS = {page: session(page) for page in SHELL_PAGES}
CALLS = [call for page in SHELL_PAGES for call in SESSIONS[page].calls]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


def of_titn(call: Call) -> tuple[str, ...]:
    """The command behind `python -m titn.` or `titn`, and its arguments; () for other programs."""
    words = call.words[1:] if call.words[0] == "srun" else call.words
    if words[0] == "titn":
        return words[1:]
    if words[0].startswith("python") and words[1:2] == ("-m",) and words[2].startswith("titn."):
        return (words[2].removeprefix("titn."), *words[3:])
    return ()


def named(chosen: list[Call]) -> list:
    """For parametrize: each command once, by its place."""
    seen = {call.words: call for call in reversed(chosen)}
    return [
        pytest.param(call, id=f"{call.place} {' '.join(call.words)[:60]}") for call in seen.values()
    ]


OF_TRAINING = [call for call in CALLS if of_titn(call)[:1] == ("train",)]
OF_DOORS = [call for call in CALLS if of_titn(call) and of_titn(call)[0] != "train"]
OTHERS = [call for call in CALLS if not of_titn(call)]


@pytest.mark.parametrize("page", SHELL_PAGES)
def test_a_shell_has_nothing_against_a_page(page):
    assert SESSIONS[page].complaints == ""


@pytest.fixture
def composing(monkeypatch, tmp_path):
    """titn train as far as the checked configurations, without the files that a run reads."""
    made = []

    def resolve_only(composed, choices, reads_files=False):
        made.append(real(composed, choices, reads_files=False))
        return made[-1]

    def compose_cells(sweep: Sweep, launcher: object) -> None:
        for request in sweep.requests:
            *_, last = request.cells()
            sweep.compose(last.job_overrides())

    real = resolve.resolve
    load_plugins()
    monkeypatch.setattr(resolve, "resolve", resolve_only)
    monkeypatch.setattr(compose_jobs, "resolve", resolve_only)
    monkeypatch.setattr(import_module("hydra_plugins.titn"), "run_sweep", compose_cells)
    monkeypatch.setattr(train_door.signals, "install", lambda: None)
    monkeypatch.setattr(train_door, "run_job", _resolve)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return made


@cache
def files_of(page: str) -> dict[str, str]:
    """The files that a page shows, by the names in their comments."""
    shown: dict[str, str] = {}
    for block in blocks(page):
        name = re.search(r"^# (\S+\.(?:py|yaml))$", block.text, re.MULTILINE)
        if block.language in ("python", "yaml") and name:
            shown[name[1]] = shown.get(name[1], "") + block.text + "\n\n"
    return shown


@pytest.mark.parametrize("call", named(OF_TRAINING))
def test_a_command_that_trains_is_composed(call, composing, monkeypatch, tmp_path):
    for name, text in files_of(call.place.partition(":")[0]).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    arguments = of_titn(call)[1:]
    if not any(word.startswith("-") for word in arguments):
        # A single run: as Hydra's own main composes everything twice, without it.
        overrides = [quote_for_hydra(word) for word in arguments if word != "dry_run=true"]
        checked_run(overrides, reads_files=False)
        return
    monkeypatch.setattr(sys, "argv", ["titn.train", *arguments])
    assert train_door.train() == 0
    assert composing or "--help" in arguments


@pytest.mark.parametrize("call", named(OF_DOORS))
def test_a_commands_arguments_are_taken(call):
    name, *arguments = of_titn(call)
    import_module(f"titn.{name}")._parser().parse_args(arguments)


@pytest.mark.parametrize("call", named(OTHERS))
def test_other_programs_are_given_what_is_there(call):
    program, *words = call.words
    if program == "pip":
        asked = [name for word in words for name in re.findall(r"\[([\w,]+)\]", word)]
        assert {extra for names in asked for extra in names.split(",")} <= set(
            PROJECT["optional-dependencies"]
        )
    elif program.startswith("python") and words[0].endswith(".py"):
        source = (CHECKOUT / words[0]).read_text()
        options = re.findall(r"(?<=--)[a-z]\w*", " ".join(words))
        assert [name for name in options if not re.search(rf'"(--)?{name}"', source)] == []
    elif program.startswith("python"):
        assert words[:2] in (["-m", "venv"], ["-m", "pytest"])
        assert [word for word in words[2:] if "/" in word and not (CHECKOUT / word).exists()] == []
    else:
        assert program in ("mkdocs", "ray", "scontrol", "squeue", "scancel", "flock")


def test_a_block_that_cannot_be_run_says_why():
    reasons = [block.not_run for block in blocks() if block.not_run]
    assert {reason: reasons.count(reason) for reason in reasons} == NOT_RUN


@pytest.mark.parametrize(
    "words", [["model=deit", "epochs=many"], ["--multirun", "+ablation=mix", "epochs=many"]]
)
def test_a_command_that_is_wrong_is_found(words, composing, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["titn.train", *words])
    with pytest.raises(ValueError, match=words[-1]):
        train_door.train()


def test_a_program_that_no_page_may_call_is_found(tmp_path, monkeypatch):
    (tmp_path / "page.md").write_text("```sh\nrm -rf x\n```\n")
    monkeypatch.setattr("doc_blocks.CHECKOUT", tmp_path)
    assert "rm: command not found" in session("page.md").complaints
