"""Configurations from Python: the same overrides as on the command line, checked the same way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig

from titn.config.annotations import Busy
from titn.config.checks import check_memory
from titn.config.compose import compose_with_choices
from titn.config.hydra_errors import explaining
from titn.config.hydra_state import own_hydra
from titn.config.resolve import resolve
from titn.config.schema import validate_value
from titn.config.spelling import as_typed
from titn.records.search import SEARCH
from titn.source.remembered import forget_edited
from titn.sweeps.ablation.arguments import ABLATE
from titn.sweeps.overrides import QUESTIONS
from titn.system.errors import ConfigError

# What only a command does, and what to call instead.
OF_COMMANDS = {
    "dry_run": "titn.compose looks at a run and trains nothing",
    "postpone": "is for a question; run titn train --multirun +ablation=NAME",
    "rows": "are of a question; run titn train --multirun +ablation=NAME",
}


def compose(overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The checked configuration of overrides, as a nested dict; nothing is trained or read.

    overrides: as on the command line of `titn train`: GROUP=CHOICE and KEY=VALUE. Files of one's
    own are found with `hydra.searchpath=[file:///DIR]`. Returns a node for each group, the other
    keys beside them, under `teacher` a whole configuration or None, and under `choices` the name of
    the file that each group was chosen from. Raises ConfigError, of one line, for what the command
    refuses.

    >>> import titn
    >>> config = titn.compose(["model=deit", "epochs=5"])
    >>> config["epochs"], config["model"]["patch_size"], config["choices"]["model"]
    (5, 8, 'deit')
    """
    return checked_run(overrides, reads_files=False)


def checked_run(overrides: Sequence[str], reads_files: bool) -> dict[str, Any]:
    """`compose`; with `reads_files` the files that a run reads have to be there."""
    arguments = _texts(overrides)
    forget_edited()
    with own_hydra(), _as_a_call(), explaining(["--run", "--", *arguments]):
        composed, choices = compose_with_choices(arguments)
        run = resolve(_of_a_run(composed, choices), choices, reads_files)
    check_memory(run)
    if run["teacher"] is not None:
        check_memory(run["teacher"], "teacher.")
    return run


@contextmanager
def _as_a_call() -> Iterator[None]:
    """What the command's line says of several values, to whoever calls from Python."""
    try:
        yield
    except ConfigError as error:
        line, several, more = str(error).partition("add --multirun")
        if not several:
            raise
        remedy = "call titn.train for each, or run titn train --multirun with them"
        raise ConfigError(f"{line}{remedy}{more}") from None


def _texts(overrides: Sequence[str]) -> list[str]:
    """A list of texts; ConfigError for anything else, and for the options of a command."""
    is_list = isinstance(overrides, list | tuple)
    if not is_list or not all(isinstance(one, str) for one in overrides):
        raise ConfigError(f"overrides={overrides!r:.100}: give a list of texts, as ['model=deit']")
    for one in overrides:
        if one.startswith("-"):
            raise ConfigError(
                f"{one}: is an option of the command; leave it out, or run titn train {one}"
            )
    return list(overrides)


def _of_a_run(composed: DictConfig, choices: dict[str, str]) -> DictConfig:
    """What was composed; ConfigError if it is not of a single run that is made now."""
    for question in (*QUESTIONS, ABLATE, SEARCH):
        if question in choices:
            name = f"+{question}={choices[question]}"
            raise ConfigError(f"{name}: asks a question of many cells; run titn train -m {name}")
    validate_value(composed.dry_run, bool, "dry_run")
    if validate_value(composed.busy, Busy, "busy") != "wait":
        raise ConfigError(f"busy={composed.busy}: a call waits for its run; leave it out")
    for key, remedy in OF_COMMANDS.items():
        if composed.get(key):
            raise ConfigError(f"{key}={as_typed(composed[key])}: {remedy}; leave it out")
    return composed
