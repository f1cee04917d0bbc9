"""The schema of a configuration: the constructors' own signatures.

They are read from the source with `ast`, not imported: the modules would bring torch, and a
mistyped value should be answered at once.
"""

import ast
import difflib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from titn import values
from titn.errors import ConfigError


def checked_value(value: Any, annotation: Any, path: str) -> Any:
    """The value as its annotation has it (a whole number as a float where one is asked for).

    Strict: a text is not a number and true is not 1. ConfigError names `path` and what it takes.
    """
    try:
        return TypeAdapter(annotation).validate_python(value, strict=True)
    except ValidationError as error:
        wanted = " or ".join(dict.fromkeys(_wanted(item["msg"]) for item in error.errors()))
        raise ConfigError(f"{path}={_shown(value)}: should be {wanted}") from None


def _wanted(message: str) -> str:
    wanted = message.removeprefix("Input should be ")
    return wanted.replace("a valid integer", "an integer").replace("a valid ", "a ")


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def unknown_key(key: str, value: Any, known: list[str]) -> str:
    """The complaint about a key that is not one of `known`."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
    return f"{key}={_shown(value)}: there is no such key; {remedy}"


@cache
def keywords_of(target: str, path: str) -> dict[str, Any]:
    """The configurable keywords of a constructor and their annotations.

    target: package.module.name of a class or function; path: the node that names it. A keyword
    annotated with anything but the vocabulary of `titn.values` and plain scalars is supplied by
    the build and cannot be configured.
    """
    module_name, _, name = target.rpartition(".")
    try:
        spec = importlib.util.find_spec(module_name) if module_name else None
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.origin:
        raise ConfigError(f"{path}._target_={target}: there is no module {module_name!r}")
    tree = ast.parse(Path(spec.origin).read_text())
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name == name:
            return _vocabulary_keywords(_constructor(statement))
    raise ConfigError(f"{path}._target_={target}: {module_name} defines no {name}")


def _constructor(statement: ast.FunctionDef | ast.ClassDef) -> ast.FunctionDef | None:
    if isinstance(statement, ast.FunctionDef):
        return statement
    for member in statement.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return member
    return None


def _vocabulary_keywords(constructor: ast.FunctionDef | None) -> dict[str, Any]:
    vocabulary = {name: value for name, value in vars(values).items() if name[0] != "_"}
    keywords = {}
    for argument in constructor.args.kwonlyargs if constructor else ():
        if argument.annotation is None:
            continue
        try:
            annotation = eval(ast.unparse(argument.annotation), dict(vocabulary))
        except NameError:
            continue
        keywords[argument.arg] = annotation
    return keywords
