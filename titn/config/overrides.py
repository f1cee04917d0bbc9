"""The text of one override on Hydra's command line. No Hydra here."""

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

CONFIG_DIR = "--config-dir="


def override_key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def own_dir_options(arguments: Sequence[str]) -> list[str]:
    """What a command line says of the directories with files of one's own, to be said again."""
    found = []
    for argument, after in pairwise([*arguments, ""]):
        if argument in ("-cd", "--config-dir"):
            found.append(f"{CONFIG_DIR}{after}")
        elif argument.startswith(CONFIG_DIR) or override_key(argument) == "hydra.searchpath":
            found.append(argument)
    return found


def own_dirs_of(command: str) -> list[str]:
    """`own_dir_options` of a command as a plan has it; none of a text that is no command."""
    with suppress(ValueError):
        return own_dir_options(shlex.split(command))
    return []


def quote(text: str) -> str:
    """A text as a value on Hydra's command line, whatever is in it."""
    # To Hydra a backslash is one but before a quotation mark, where two are one; to OmegaConf, but
    # before an interpolation.
    escaped = re.sub(r'(\\*)("|\$\{)', r"\1\1\\\2", text)
    at_the_end = escaped[len(escaped.rstrip("\\")) :]
    return f'"{escaped}{at_the_end}"'
