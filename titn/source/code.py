"""Python source, found and parsed without being imported: importing it would bring torch.

A module is looked for as Python itself would find it, or in the directories of `path` alone.
"""

import ast
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from titn.source.remembered import read_source, remembered

Definition = ast.FunctionDef | ast.ClassDef

# Directories to search, as in sys.path; None searches where Python does.
SearchPath = tuple[str, ...] | None


@dataclass(frozen=True, eq=False)
class Module:
    """A parsed module. is_package: whether it is the `__init__` of a package."""

    name: str
    body: list[ast.stmt]
    is_package: bool


@remembered
def parse_module(name: str, path: SearchPath = None) -> Module | None:
    """The statements of a module; None if there is no such module, or none in Python.

    Raises SyntaxError, ValueError or OSError if its source cannot be read.
    """
    found = find_module(name, path)
    if found is None:
        return None
    file, is_package = found
    return Module(name, parse_source(read_source(file)) if file else [], is_package)


def parse_source(source: bytes) -> list[ast.stmt]:
    """The statements of a module's source; SyntaxError or ValueError if it is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of "\d" in a string: Python says it when it imports
        return ast.parse(source).body


def find_module(name: str, path: SearchPath = None) -> tuple[Path | None, bool] | None:
    """The file of a module's source, and whether the module is a package; None without source.

    A package without an `__init__` has no file.
    """
    spec = find_spec(name, path)
    if spec is None:
        return None
    is_package = spec.submodule_search_locations is not None
    if spec.has_location and str(spec.origin).endswith(".py"):
        return Path(str(spec.origin)), is_package
    return (None, True) if is_package and not spec.has_location else None


def find_definition(target: str) -> Definition | None:
    """The function or class that a target, package.module.name, names at a module's top level.

    What the module imports from elsewhere is found there.
    """
    found = _found(target)
    return found[1] if found else None


def find_place(target: str, within: tuple[str, ...]) -> str | None:
    """The target of a definition in the module where it stands, package.module.name.

    Imports are followed in the packages `within` alone: elsewhere they need not be Python.
    """
    found = _found(target, within=within)
    return f"{found[0].name}.{found[1].name}" if found else None


def find_classes(
    target: str, seen: frozenset[ast.ClassDef] = frozenset()
) -> Iterator[ast.ClassDef]:
    """The class that a target names and, nearest first, those that it derives from.

    They are followed in the target's own package and in titn; elsewhere they need not be Python.
    seen: the classes that led here, of which one may bear the name of what it derives from.
    """
    module, statement = _found(target) or (None, None)
    if module is None or not isinstance(statement, ast.ClassDef) or statement in seen:
        return
    yield statement
    for base in map(ast.unparse, statement.bases):
        first, dot, rest = base.partition(".")
        for place in (f"{module.name}.{first}", *_imported(module, first)):
            package = place.partition(".")[0]
            if package in (target.partition(".")[0], "titn"):
                yield from find_classes(f"{place}{dot}{rest}", seen | {statement})


def _found(
    target: str, seen: frozenset[str] = frozenset(), within: tuple[str, ...] | None = None
) -> tuple[Module, Definition] | None:
    """A definition and the module it stands in. seen: the targets that led here. within: the
    packages in which imports are followed; None: in all."""
    module_name, _, name = target.rpartition(".")
    module = parse_module(module_name)
    if module is None:
        return None
    for statement in module.body:
        if isinstance(statement, Definition) and statement.name == name:
            return module, statement
    for source in _imported(module, name):
        if source in seen or (within is not None and source.partition(".")[0] not in within):
            continue
        if found := _found(source, seen | {target}, within):
            return found
    return None


def _imported(module: Module, name: str) -> Iterator[str]:
    """What a module imports under a name, as package.module.name."""
    parts = module.name.split(".")
    for line in module.body:
        if isinstance(line, ast.ImportFrom):
            # One dot is the package that the module lies in, or is.
            kept = len(parts) - line.level + module.is_package
            package = parts[:kept] if line.level else []
            source = ".".join([*package, *([line.module] if line.module else [])])
            for alias in line.names:
                if alias.name == "*" or name == (alias.asname or alias.name):
                    yield f"{source}.{name if alias.name == '*' else alias.name}"


@remembered
def find_spec(name: str, path: SearchPath) -> ModuleSpec | None:
    """Where a module is. Unlike importlib's own search this imports no package on the way."""
    package_name, _, last = name.rpartition(".")
    if not last.isidentifier():
        return None
    search = list(path) if path is not None else None
    if package_name:
        package = find_spec(package_name, path)
        if package is None or package.submodule_search_locations is None:
            return None
        search = list(package.submodule_search_locations)
    finders = sys.meta_path if path is None else [PathFinder]
    try:
        return next(filter(None, (finder.find_spec(name, search) for finder in finders)), None)
    except KeyError:
        # A directory without `__init__` in a package that is not imported: importlib asks for it.
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [
            str(directory) for place in search or () if (directory := Path(place, last)).is_dir()
        ]
        return spec
