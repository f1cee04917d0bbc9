"""Python source, found and parsed without being imported: importing it would bring torch.

A module is looked for as Python itself would find it, or in the directories of `path` alone.
"""

import ast
import sys
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

Definition = ast.FunctionDef | ast.ClassDef

# Directories to search, as in sys.path; None searches where Python does.
SearchPath = tuple[str, ...] | None


@dataclass(frozen=True, eq=False)
class Module:
    """A parsed module. is_package: whether it is the `__init__` of a package."""

    name: str
    body: list[ast.stmt]
    is_package: bool


@cache
def parse_module(name: str, path: SearchPath = None) -> Module | None:
    """The statements of a module; None if there is no such module, or none in Python.

    Raises SyntaxError, ValueError or OSError if its source cannot be read.
    """
    found = find_module(name, path)
    if found is None:
        return None
    file, is_package = found
    return Module(name, ast.parse(file.read_bytes()).body, is_package)


def find_module(name: str, path: SearchPath = None) -> tuple[Path, bool] | None:
    """The file of a module's source, and whether the module is a package; None without one."""
    spec = _find_spec(name, path)
    if spec is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        return None
    return Path(str(spec.origin)), spec.submodule_search_locations is not None


def find_definition(target: str) -> Definition | None:
    """The function or class that a target, package.module.name, names at a module's top level."""
    module_name, _, name = target.rpartition(".")
    module = parse_module(module_name)
    for statement in module.body if module else ():
        if isinstance(statement, Definition) and statement.name == name:
            return statement
    return None


@cache
def _find_spec(name: str, path: SearchPath) -> ModuleSpec | None:
    """Where a module is. Unlike importlib's own search this imports no package on the way."""
    package_name, _, last = name.rpartition(".")
    if not last.isidentifier():
        return None
    search = list(path) if path is not None else None
    if package_name:
        package = _find_spec(package_name, path)
        if package is None or package.submodule_search_locations is None:
            return None
        search = list(package.submodule_search_locations)
    if path is not None:
        return PathFinder.find_spec(name, search)
    specs = (finder.find_spec(name, search) for finder in sys.meta_path)
    return next(filter(None, specs), None)
