"""What a command line says to Hydra itself: its options, its settings and its plugins."""

import difflib
import re
from argparse import Namespace
from collections.abc import Sequence
from itertools import groupby, product
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from titn.config.compose import known_keys
from titn.config.keys import GROUPS
from titn.config.overrides import override_key
from titn.config.own_files import own_dirs
from titn.config.paths import conf_dir, config_root
from titn.config.suggestions import SEE_HELP, suggestion
from titn.config.unreadable import NOT_AN_OVERRIDE
from titn.system.console import complain, option_error
from titn.system.errors import ConfigError
from titn.system.files import check_can_be_listed
from titn.system.text import is_utf8

# What is longer takes Hydra seconds to read, and means nothing that a file could not say better.
LONGEST_ARGUMENT = 50_000

LIKENESS_OF_OPTIONS = 0.85
# What a file is chosen for; Hydra would merge the files of a list into one.
CHOSEN = (*GROUPS, "teacher", "protocol", "ablation", "paper", "ablate", "search")

RUN_DIR = "titn writes nothing there; set run_dir=DIR for this run, or runs_dir=DIR for all runs"
# Settings of Hydra without an effect on titn -> what has one.
WITHOUT_EFFECT = {
    "hydra.run.dir": RUN_DIR,
    "hydra.sweep.subdir": "a cell is where single runs are; set runs_dir=DIR",
    "hydra.job.chdir": "a run writes to its own directory; set run_dir=DIR or runs_dir=DIR",
    "hydra.job.name": "does not name a run; set run_dir=DIR",
}
# A sweep's settings, which a single run would not heed.
OF_SWEEPS = ("hydra.sweep.", "hydra.sweeper.", "hydra.launcher.", "hydra/launcher")
LOGGING = ("hydra/job_logging", "hydra.job_logging", "hydra/hydra_logging", "hydra.hydra_logging")
# Hydra's groups, typed as if they were keys.
GROUPS_OF_HYDRA = ("hydra.launcher", "hydra.sweeper", "hydra.job_logging", "hydra.hydra_logging")
WORD = re.compile(r"[A-Za-z_]\w*")
# Jobs of a sweep may be called by a name: Slurm shows it.
NAMES_JOBS = "hydra.job.name"

OWN_SWEEPER = (
    "titn plans and continues its sweeps itself; leave it out, and list the values as KEY=A,B"
)


def check_arguments(arguments: Sequence[str]) -> None:
    """ConfigError for what Hydra would exit with, take and not heed, or not be safe with."""
    for argument in arguments:
        if not is_utf8(argument):
            raise ConfigError(f"{argument}: is not UTF-8; name it otherwise")
        if len(argument) > LONGEST_ARGUMENT:
            raise ConfigError(
                f"{argument}: has more than {LONGEST_ARGUMENT} characters; shorten it"
            )
        key, _, value = argument.partition("=")
        if not key and argument:
            raise ConfigError(f"{argument}: {NOT_AN_OVERRIDE}")
        if override_key(key).partition("@")[0] in CHOSEN and value[:1] == "[":
            raise ConfigError(
                f"{argument}: has one choice at a time; write {key}=NAME, or for a sweep "
                f"--multirun {key}=A,B"
            )

    def refuse(message: str) -> NoReturn:
        raise ConfigError(_option_error(message))

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    options = parser.parse_args(arguments)
    if options.experimental_rerun is not None:
        raise ConfigError(
            f"--experimental-rerun={options.experimental_rerun}: unpickles a file, which can run "
            "anything; give the overrides again"
        )
    if options.config_dir == "":
        raise ConfigError("--config-dir=: names no directory; give one, or leave it out")
    if options.config_dir is not None and not Path(options.config_dir).is_dir():
        raise ConfigError(f"--config-dir={options.config_dir}: there is no such directory")
    if options.config_dir is not None:
        check_can_be_listed(Path(options.config_dir), f"--config-dir={options.config_dir}")
    _check_shadowed(own_dirs(arguments))
    if not (options.help or options.hydra_help or options.cfg or options.info):
        _check_settings(options)
        _say_repeated(options.overrides)


def _option_error(message: str) -> str:
    unknown = message.removeprefix("unrecognized arguments: ")
    if unknown == message:
        return option_error(message)
    if not unknown.startswith("-"):
        return (
            f"{unknown}: stands after an option; give --multirun and its like before all KEY=VALUE"
        )
    option, *rest = unknown.split(" ")
    key, equals, value = option.lstrip("-").replace("-", "_").partition("=")
    known = known_keys()
    if key in known:
        value = option.partition("=")[2] if equals else "".join(rest[:1]) or "VALUE"
        return f"{option}: is a key and not an option; write {key}={value}, without dashes"
    options = [one for action in get_args_parser()._actions for one in action.option_strings]
    if near := difflib.get_close_matches(option, options, n=1, cutoff=LIKENESS_OF_OPTIONS):
        return f"{option}: there is no such option; did you mean {near[0]}?"
    remedy = suggestion(key, known).replace(SEE_HELP, "--help lists them")
    return f"{option}: there is no such option; {remedy}"


def _check_settings(options: Namespace) -> None:
    """ConfigError for a setting of Hydra's that would be taken in silence, and change nothing."""
    keys = {override_key(override): override for override in options.overrides}
    multirun = options.multirun or "MULTIRUN" in keys.get("hydra.mode", "")
    logs = any(key.startswith(LOGGING) for key in keys)
    for key, override in keys.items():
        value = override.partition("=")[2]
        if key in GROUPS_OF_HYDRA and WORD.fullmatch(value) and value.lower() != "null":
            raise ConfigError(f"{override}: is a group; write {key.replace('.', '/')}={value}")
        if key == "hydra/sweeper" and not override.endswith("=titn"):
            raise ConfigError(f"{override}: {OWN_SWEEPER}")
        if key in WITHOUT_EFFECT and not (key == NAMES_JOBS and (multirun or logs)):
            raise ConfigError(f"{override}: {WITHOUT_EFFECT[key]}")
        if key.startswith(OF_SWEEPS) and not multirun:
            raise ConfigError(f"{override}: is for a sweep; add --multirun, or leave it out")
        if key == "hydra.verbose" and not logs:
            raise ConfigError(
                f"{override}: shows nothing while nothing is logged; add "
                "hydra/job_logging=default to see what the libraries log"
            )


def _check_shadowed(directories: Sequence[Path]) -> None:
    """ConfigError for a choice of one's own that titn has too: Hydra would take titn's."""
    roots = (Path(conf_dir()), config_root() / "sweeps")
    for directory, root in product(directories, roots):
        for ours in root.rglob("*.yaml"):
            if ours.parent == root:
                continue
            theirs = directory / ours.relative_to(root)
            if theirs.is_file() and theirs.read_bytes() != ours.read_bytes():
                raise ConfigError(
                    f"{theirs}: titn has a choice of this name, which is taken; rename yours"
                )


def _say_repeated(overrides: Sequence[str]) -> None:
    """Say which override counts where one key has several in a row, as a shell makes of {0..2}.

    What stands apart is meant: a script adds to its own overrides those that it was given.
    """
    own = [one for one in overrides if one[:1] not in "+~" or one[:2] == "++"]  # Hydra says others
    for key, group in groupby(own, override_key):
        typed = list(group)
        if len(set(typed)) > 1 and "=" in typed[-1]:
            complain(
                f"{typed[-1]}: counts, and not {', '.join(dict.fromkeys(typed[:-1]))}; "
                f"for several values write {key}=A,B with --multirun",
                0,
            )
