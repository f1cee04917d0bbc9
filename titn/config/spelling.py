"""How an override is typed in a shell, so that the shell, Hydra and titn read what is meant."""

import re
import shlex
from typing import Any

from titn.config.overrides import quote

# What neither a shell nor Hydra's grammar reads as anything but text, if it is no number or word.
PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
WORDS = ("null", "true", "false")


def as_typed(value: Any) -> str:
    """A value as a command line has it, without the quotation marks that a text may need."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(as_typed, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{as_typed(one)}' for key, one in value.items())}}}"
    return str(value)


def spelled(key: str, value: Any) -> str:
    """An override to be copied into a shell: KEY=VALUE, 'KEY="a text"', 'KEY=[1,2]'."""
    return shlex.quote(f"{key}={for_hydra(value)}")


def for_hydra(value: Any) -> str:
    """A value as Hydra's grammar has it: a text in quotation marks if it needs them."""
    return quote(value) if isinstance(value, str) and not _is_plain(value) else as_typed(value)


def _is_plain(text: str) -> bool:
    """Whether Hydra reads a text as this text without quotation marks."""
    return bool(PLAIN.fullmatch(text)) and text.lower() not in WORDS and not _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
