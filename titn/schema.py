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
    if _body(module_name) is None:
        raise ConfigError(f"{path}._target_={target}: there is no module {module_name!r}")
    statement = _definition(target)
    if statement is None:
        raise ConfigError(f"{path}._target_={target}: {module_name} defines no {name}")
    return _vocabulary_keywords(_constructor(statement))


@cache
def required_of(target: str) -> frozenset[str]:
    """The keywords of a constructor, configurable or not, that have no default."""
    statement = _definition(target)
    constructor = _constructor(statement) if statement else None
    if constructor is None:
        return frozenset()
    arguments = constructor.args
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return frozenset(argument.arg for argument, default in pairs if default is None)


@cache
def built_class(target: str) -> ast.ClassDef | None:
    """The class that a target is, or that as a function it says to return; None if that is open.

    Beyond the target's own package nothing is followed: finding a module imports what is around it.
    """
    statement = _definition(target)
    if not isinstance(statement, ast.FunctionDef):
        return statement
    if not isinstance(statement.returns, ast.Name):
        return None
    module_name, name = target.rpartition(".")[0], statement.returns.id
    for line in _body(module_name) or ():
        if isinstance(line, ast.ImportFrom) and name in [alias.name for alias in line.names]:
            module_name = line.module or ""
    same_package = module_name.partition(".")[0] == target.partition(".")[0]
    return built_class(f"{module_name}.{name}") if same_package else None


def said_of(target: str, attribute: str) -> Any:
    """What the class that a target builds says in its body, as a literal; None if nothing."""
    built = built_class(target)
    for line in built.body if built else ():
        if isinstance(line, ast.Assign) and attribute in map(ast.unparse, line.targets):
            try:
                return ast.literal_eval(line.value)
            except ValueError:
                return None
    return None


def may_have(built: ast.ClassDef, attribute: str) -> bool:
    """Whether an object of a class could have an attribute: its source or its parents' may say."""
    bases = [ast.unparse(base) for base in built.bases]
    return bases not in ([], ["nn.Module"]) or attribute in ast.unparse(built)


@cache
def _body(module_name: str) -> list[ast.stmt] | None:
    """The statements of a module's source; None if it is not found."""
    try:
        spec = importlib.util.find_spec(module_name) if module_name else None
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.origin:
        return None
    return ast.parse(Path(spec.origin).read_text()).body


def _definition(target: str) -> ast.FunctionDef | ast.ClassDef | None:
    module_name, _, name = target.rpartition(".")
    for statement in _body(module_name) or ():
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name == name:
            return statement
    return None


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
