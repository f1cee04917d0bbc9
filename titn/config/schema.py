"""The schema of a configuration: the constructors' own signatures.

They are read from the source with `ast`, not imported: the modules would bring torch, and a
mistyped value should be answered at once.
"""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Optional, Union

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from titn.config import annotations
from titn.config.spelling import as_typed, spelled
from titn.source.code import find_classes, find_definition, find_place, parse_module
from titn.source.remembered import remembered
from titn.system.errors import ConfigError, first_line

MISSING = "???"  # in OmegaConf's files
# What other languages and tools write for null, true and false.
NOTHING = ("none", "null", "nil")
SPAN = re.compile(r"(\d{1,9})(?:-|:|\.\.)(\d{1,9})")
MOST_LISTED = 10
YES, NO = ("true", "yes", "on", "y", "t"), ("false", "no", "off", "n", "f")

# What an annotation may consist of: it is read here, and so must not be able to do anything.
ANNOTATION = (
    ast.Expression, ast.Name, ast.Load, ast.Subscript, ast.Tuple, ast.BinOp, ast.BitOr,
    ast.Constant, ast.Call, ast.keyword,
)  # fmt: skip
ANNOTATION_TYPES = (bool, dict, float, int, list, str, tuple)


def validate_value(value: Any, annotation: Any, path: str) -> Any:
    """The value as its annotation has it (a whole number as a float where one is asked for).

    Strict: a text is not a number and true is not 1. ConfigError names `path`, what it takes, and
    the override that was meant, if that can be told.
    """
    if value == MISSING:
        raise ConfigError(f"{path}={MISSING}: has no value yet; give {path}=VALUE")
    adapter = TypeAdapter(annotation)
    try:
        checked = adapter.validate_python(value, strict=True)
    except ValidationError as error:
        wanted = " or ".join(dict.fromkeys(_wanted(item) for item in error.errors()))
        meant = next((one for one in _meant(value) if _is_valid(one, adapter)), value)
        shown, remedy = as_typed(value), ""
        if meant is not value:
            # A text that looks like what is wanted is shown for what it is.
            shown = f"'{value}'" if as_typed(meant) == value else shown
            remedy = f"; write {spelled(path, meant)}"
        elif isinstance(value, list) and value and all(_is_valid(one, adapter) for one in value):
            remedy = f"; for a sweep write --multirun {path}={','.join(map(as_typed, value))}"
        elif (span := _span(value)) and _is_valid(span[0], adapter):
            remedy = f"; for a sweep write --multirun {_swept(path, span)}"
        elif isinstance(value, bool | float) and _is_valid("text", adapter):
            remedy = f"; write '{path}=\"TEXT\"', in both kinds of quotes"
        raise ConfigError(f"{path}={shown}: should be {wanted}{remedy}") from None
    if isinstance(value, str) and value.lower() in NOTHING and _is_valid(None, adapter):
        raise ConfigError(
            f"{path}={value}: is a text; write {path}=null for nothing, or "
            f"{path}=./{value} for a file of that name"
        )
    return checked


def _span(value: Any) -> range | None:
    """The numbers that 0-3, 0..3 or 0:3 stands for in other tools; None of anything else."""
    found = SPAN.fullmatch(value) if isinstance(value, str) else None
    return range(int(found[1]), int(found[2]) + 1) or None if found else None


def _swept(path: str, span: range) -> str:
    """The override that sweeps over them, as a shell takes it."""
    if len(span) <= MOST_LISTED:
        return f"{path}={','.join(map(str, span))}"
    return f"'{path}=range({span.start},{span.stop})'"


def _is_valid(value: Any, adapter: TypeAdapter) -> bool:
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def _meant(value: Any) -> Iterator[Any]:
    """What somebody may have meant by a value of the wrong type: '3', 1e3, 7, yes, None."""
    if isinstance(value, float) and value.is_integer():
        yield int(value)
    if isinstance(value, list) and len(value) == 1:
        yield value[0]
    if isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in NOTHING:
            yield None
        if word in YES or word in NO:
            yield word in YES
        for kind in (int, float):
            with suppress(ValueError):
                yield kind(value)
    if isinstance(value, int) and value in (0, 1):
        yield bool(value)


def _wanted(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return f"another path ({error['ctx']['error']})"
    if error["type"] == "less_than_equal":
        return f"less than or equal to {error['ctx']['le']}"
    wanted = (
        error["msg"].removeprefix("Input should be ").replace("String should have", "a text of")
    )
    wanted = wanted.replace("a valid boolean", "true or false").replace("a valid string", "a text")
    return wanted.replace("a valid integer", "an integer").replace("a valid ", "a ")


@remembered
def configurable_keywords(target: str, path: str) -> dict[str, Any]:
    """The configurable keywords of a constructor and their annotations.

    target: package.module.name of a class or function; path: the node that names it. A keyword
    annotated with anything but the vocabulary of `titn.config.annotations` and plain scalars is
    supplied by the build and cannot be configured.
    """
    module_name, _, name = target.rpartition(".")
    if not all(part.isidentifier() for part in target.split(".")):
        raise ConfigError(
            f"{path}._target_={target}: is no name of Python's; name a class or function, as "
            "package.module.name"
        )
    try:
        module = parse_module(module_name)
    except (SyntaxError, ValueError, OSError, RecursionError) as error:
        raise ConfigError(
            f"{path}._target_={target}: the source of {module_name} cannot be read "
            f"({first_line(error)}); name another"
        ) from None
    if module is None:
        raise ConfigError(
            f"{path}._target_={target}: there is no module {module_name!r} with Python source; "
            "name a class or function, as package.module.name, or set PYTHONPATH=DIR where it lies"
        )
    if find_definition(target) is None:
        raise ConfigError(
            f"{path}._target_={target}: {module_name} defines no {name}; name what it defines"
        )
    return _vocabulary_keywords(_constructor(target))


def check_takes(target: str, supplied: str, path: str) -> None:
    """ConfigError unless a constructor takes what the build supplies by this name."""
    constructor = _constructor(target)
    if constructor is None or constructor.args.kwarg or supplied in _arguments(constructor):
        return
    lines = {
        "images": "def __init__(self, *, images: titn.types.ImageSpec, width: int = 64)",
        "model": "def NAME(*, model: torch.nn.Module, lr: float) -> torch.optim.Optimizer",
    }
    raise ConfigError(
        f"{path}._target_={target}: is called with {supplied}=..., which it does not take; write "
        f"one that begins as {lines[supplied]}, and name that"
    )


def why_no_key(target: str, key: str) -> str | None:
    """Why an argument of a constructor cannot be configured; None if it has no such argument."""
    arguments = _arguments(_constructor(target))
    if key not in arguments:
        return None
    word = arguments[key][0]
    annotated = f"annotated {ast.unparse(word)}" if word else "not annotated"
    return (
        f"is {annotated} in {target}; write {key}: int, float, bool, str, list[int], a Literal or "
        "a word of titn.config.annotations"
    )


def returns_nothing(target: str) -> bool:
    """Whether a target is a function that says to return nothing."""
    statement = find_definition(target)
    returns = statement.returns if isinstance(statement, ast.FunctionDef) else None
    return isinstance(returns, ast.Constant) and returns.value is None


@remembered
def required_keywords(target: str) -> frozenset[str]:
    """The keywords of a constructor, configurable or not, that have no default."""
    constructor = _constructor(target)
    return frozenset(name for name, (_, required) in _arguments(constructor).items() if required)


@remembered
def literal_defaults(target: str) -> dict[str, Any]:
    """The keywords of a constructor whose defaults are numbers, texts and the like."""
    constructor = _constructor(target)
    if constructor is None:
        return {}
    given = constructor.args
    optional = given.args[len(given.args) - len(given.defaults) :]
    found: dict[str, Any] = {}
    pairs = [*zip(optional, given.defaults, strict=True)]
    pairs += [
        (one, word) for one, word in zip(given.kwonlyargs, given.kw_defaults, strict=True) if word
    ]
    for argument, word in pairs:
        with suppress(ValueError):
            found[argument.arg] = ast.literal_eval(word)
    return found


@remembered
def built_class(target: str) -> ast.ClassDef | None:
    """The class that a target is, or that as a function it says to return; None if that is open."""
    return next(find_classes(_built(target)), None)


def class_attribute(target: str, attribute: str) -> Any:
    """What the class that a target builds, or one that it derives from, says in its body.

    A literal; None if there is none.
    """
    for built in find_classes(_built(target)):
        for line in built.body:
            if isinstance(line, ast.Assign) and attribute in map(ast.unparse, line.targets):
                try:
                    return ast.literal_eval(line.value)
                except ValueError:
                    return None
    return None


def _built(target: str) -> str:
    """The target of the class that a function says to return; a class's own target.

    Beyond the target's own package nothing is followed: what is there need not be Python.
    """
    own = (target.partition(".")[0],)
    place = find_place(target, own)
    statement = find_definition(place) if place else None
    if not isinstance(statement, ast.FunctionDef) or not isinstance(statement.returns, ast.Name):
        return target
    assert place is not None
    return find_place(f"{place.rpartition('.')[0]}.{statement.returns.id}", own) or target


def may_have_attribute(built: ast.ClassDef, attribute: str) -> bool:
    """Whether an object of a class could have an attribute: its source or its parents' may say."""
    bases = [ast.unparse(base) for base in built.bases]
    return bases not in ([], ["nn.Module"]) or attribute in ast.unparse(built)


@remembered
def _constructor(target: str) -> ast.FunctionDef | None:
    """A function, or the nearest `__init__` of a class and of those that it derives from."""
    statement = find_definition(target)
    if isinstance(statement, ast.FunctionDef):
        return statement
    for one in find_classes(target):
        for member in one.body:
            if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                return member
    return None


def _vocabulary_keywords(constructor: ast.FunctionDef | None) -> dict[str, Any]:
    found = {name: _annotation(word) for name, (word, _) in _arguments(constructor).items()}
    return {name: annotation for name, annotation in found.items() if annotation is not None}


def _arguments(constructor: ast.FunctionDef | None) -> dict[str, tuple[ast.expr | None, bool]]:
    """What can be given by name: its annotation, and whether it has no default."""
    if constructor is None:
        return {}
    given = constructor.args
    first = 1 if constructor.name == "__init__" else 0  # self
    positional = given.args[max(first - len(given.posonlyargs), 0) :]
    optional = {argument.arg for argument in given.args[len(given.args) - len(given.defaults) :]}
    found = {each.arg: (each.annotation, each.arg not in optional) for each in positional}
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        found[argument.arg] = argument.annotation, default is None
    return found


def _annotation(word: ast.expr | None) -> Any:
    """What an annotation says; None if it has other words than those that may be configured."""
    if word is None:
        return None
    expression = ast.Expression(word)
    vocabulary = {name: value for name, value in vars(annotations).items() if name[0] != "_"}
    vocabulary |= {scalar.__name__: scalar for scalar in ANNOTATION_TYPES}
    vocabulary |= {"Optional": Optional, "Union": Union}
    for node in ast.walk(expression):
        if not isinstance(node, ANNOTATION):
            return None
        if isinstance(node, ast.Name) and node.id not in vocabulary:
            return None
    try:
        code = compile(expression, "<annotation>", "eval")
        annotation = eval(code, {"__builtins__": {}}, vocabulary)
    except TypeError:
        return None  # known words, but no sentence
    return None if isinstance(annotation, str) else annotation
