"""Overrides that Hydra's grammar does not read, or reads as several values; how to write them."""

import shlex
from collections.abc import Callable

from titn.config.key_types import annotation_of, takes
from titn.config.overrides import override_key
from titn.config.schema import validate_value
from titn.config.spelling import spelled
from titn.system.errors import ConfigError

NOT_AN_OVERRIDE = "is not KEY=VALUE; write it so, without spaces around ="
IN_QUOTES = "write 'KEY=\"VALUE\"', in both kinds of quotes"


def explain_unreadable(override: str, said: str, no_such_key: Callable[[str], str | None]) -> str:
    """The line for an override outside of Hydra's grammar, or with a function it has not.

    said: by Hydra, of what it evaluated; empty if it read nothing. no_such_key: key -> what is
    said of one that there is not, None of one that there is.
    """
    key, equals, value = override_key(override), *override.partition("=")[1:]
    if not override.strip():
        return "an argument is empty; leave it out, or set the variable that it comes from"
    if not equals or not key or key != key.strip():
        return f"{override}: {NOT_AN_OVERRIDE}"
    if value[:1] == "," or value[-1:] == ",":
        return f"{override}: ends or begins with a comma; write values as {key}=A,B without spaces"
    if "${" in value and value.count("{") == value.count("}"):
        # Within an interpolation Hydra takes no quotes, and OmegaConf needs none.
        quoted = '"' + value.replace('"', "") + '"'
        return f"{override}: cannot be read; write {shlex.quote(f'{key}={quoted}')}"
    annotation = annotation_of(key)
    if annotation is not None:
        try:
            validate_value(value, annotation, key)
        except ConfigError as error:
            return f"{said}; write one value, or A,B with --multirun" if said else str(error)
        return f"{override}: cannot be read; write {spelled(key, value)}"
    if complaint := no_such_key(key):
        return f"{override}: {complaint}"
    return f"{said or f'{override}: cannot be read'}; {IN_QUOTES}"


def explain_several(override: str) -> str:
    """The line for an override with several values, where one is expected."""
    key, _, value = override.partition("=")
    one = f", or for one value with commas write {spelled(key, value)}" if takes(key, value) else ""
    if key == "rows":
        one = f", and write rows=[{value}]"
    return f"{override}: several values are a sweep; add --multirun{one}"
