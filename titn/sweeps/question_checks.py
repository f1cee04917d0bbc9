"""The files of the questions that a command line asks, before Hydra composes them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.utils import get_args_parser

from titn.config.compose import choices_of
from titn.config.own_files import own_dirs
from titn.config.paths import config_root
from titn.records.question_files import read_question_file
from titn.sweeps.ablation.arguments import check_typed
from titn.sweeps.overrides import QUESTIONS
from titn.system.errors import ConfigError

ASKED = re.compile(rf"\+?({'|'.join(QUESTIONS)})=([\w./-]+)")


def check_question_files(arguments: Sequence[str]) -> None:
    """ConfigError if the file of a question is not there, or has a mistake; likewise ablations."""
    overrides, own = get_args_parser().parse_args(arguments).overrides, own_dirs(arguments)
    check_typed(overrides)
    for override in overrides:
        if asked := ASKED.fullmatch(override):
            group, name = asked[1], asked[2].removesuffix(".yaml")
            places = [root / group / f"{name}.yaml" for root in (*own, config_root() / "sweeps")]
            found = [place for place in places if os.path.isfile(place)]
            if len(found) > 1:
                raise ConfigError(f"{override}: titn asks this already; rename {found[0]}")
            if found:
                read_question_file(found[0])
            elif own:
                raise ConfigError(f"{override}: {_where(own, group, name)}")


def _where(directories: Sequence[Path], group: str, name: str) -> str:
    """What is wrong with the place or the name of a question of one's own."""
    near = [f"{name}.yaml", *(f"{group}/{name}{end}" for end in ("", ".yml", ".yaml.txt", ".json"))]
    for directory in directories:
        for file in map(directory.joinpath, near):
            if os.path.isfile(file):
                return f"there is no {directory / group / name}.yaml; rename {file}"
    wanted = directories[0] / group / f"{name}.yaml"
    own = [file.stem for one in directories for file in sorted((one / group).glob("*.yaml"))]
    return f"there is no {wanted}; choose one of {', '.join([*own, *choices_of(group)])}"
