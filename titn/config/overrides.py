"""The text of one override on Hydra's command line. No Hydra here."""

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

# As Hydra takes it: its short name, and the long one cut off where it is still the only one.
CONFIG_DIR = re.compile(r"(?:-cd=?|--config-d(?:ir?)?=?)(.*)")
SEARCH_PATH = "hydra.searchpath"


def override_key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def own_dirs_typed(arguments: Sequence[str]) -> list[str]:
    """The directories with files of one's own that a command line names, as they were typed."""
    found = []
    for argument, after in pairwise([*arguments, ""]):
        if given := CONFIG_DIR.fullmatch(argument):
            found.append(given[1] or after)
        elif override_key(argument) == SEARCH_PATH:
            value = argument.partition("=")[2].strip("[]")
            found += [one.strip(" \"'").removeprefix("file://") for one in value.split(",")]
    return [one for one in found if one]


def own_dirs_of(command: str) -> list[str]:
    """`own_dirs_typed` of a command as a plan has it; none of a text that is no command."""
    with suppress(ValueError):
        return own_dirs_typed(shlex.split(command))
    return []


def naming_dirs(directories: Sequence[str]) -> list[str]:
    """The options of a command line that name directories with files of one's own."""
    # There is one --config-dir: the others are searched besides.
    named = [f"--config-dir={one}" for one in directories[:1]]
    places = ",".join(quote(f"file://{one}") for one in directories[1:])
    return [*named, f"{SEARCH_PATH}=[{places}]"] if places else named


def quote(text: str) -> str:
    """A text as a value on Hydra's command line, whatever is in it."""
    # To Hydra a backslash is one but before a quotation mark, where two are one; to OmegaConf, but
    # before an interpolation.
    escaped = re.sub(r'(\\*)("|\$\{)', r"\1\1\\\2", text)
    at_the_end = escaped[len(escaped.rstrip("\\")) :]
    return f'"{escaped}{at_the_end}"'
