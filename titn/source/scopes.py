"""What statements bind and import, read from their syntax trees."""

import ast
from collections.abc import Iterable, Iterator

from titn.source.code import Module

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
IMPORTS = ast.Import | ast.ImportFrom
COMPOUND = ast.If | ast.For | ast.While | ast.With | ast.Try | ast.TryStar | ast.Match


class Scope:
    """What statements bind, those inside of other functions and classes left out.

    bound: names, as keys. imports, stars, loads: as in Summary. outer: names declared nonlocal or
    global; of those `globals` are global.
    """

    def __init__(self, module: Module, statements: Iterable[ast.AST]):
        self.bound: dict[str, None] = {}
        self.imports: dict[str, tuple[str, ...]] = {}
        self.stars: list[str] = []
        self.loads: list[str] = []
        self.outer: set[str] = set()
        self.globals: set[str] = set()
        for node in inside(statements):
            if isinstance(node, IMPORTS):
                self._add_import(node, module)
            elif isinstance(node, ast.Global | ast.Nonlocal):
                self.outer.update(node.names)
                if isinstance(node, ast.Global):
                    self.globals.update(node.names)
            elif isinstance(node, ast.Name):
                if not isinstance(node.ctx, ast.Load):
                    self.bound[node.id] = None
            else:
                # Of a definition, an exception that is caught, a pattern, a parameter.
                for name in (getattr(node, key, None) for key in ("name", "rest", "arg")):
                    if isinstance(name, str) and not isinstance(node, ast.keyword):
                        self.bound[name] = None

    def _add_import(self, node: ast.Import | ast.ImportFrom, module: Module) -> None:
        for name, dotted in imported_names(node, module):
            if name == "*":
                self.stars.append(dotted)
            else:
                self.imports[name] = tuple(dict.fromkeys((*self.imports.get(name, ()), dotted)))
        self.loads += loaded_modules(node, module)


def dotted_name(node: ast.AST) -> str | None:
    """a.b.c of names alone; None for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted_name(node.value)
        return before and f"{before}.{node.attr}"
    return None


def imported_names(
    statement: ast.Import | ast.ImportFrom, module: Module
) -> Iterator[tuple[str, str]]:
    """The names that an import binds, and the dotted names that they stand for."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            first = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (first, first)
        return
    source = _imported_from(statement, module)
    for alias in statement.names:
        yield alias.asname or alias.name, source if alias.name == "*" else f"{source}.{alias.name}"


def _imported_from(statement: ast.ImportFrom, module: Module) -> str:
    """The module that names are imported from."""
    source = statement.module or ""
    if not statement.level:
        return source
    parents = module.name.split(".")
    base = ".".join(parents[: len(parents) - statement.level + module.is_package])
    return f"{base}.{source}" if source else base


def loaded_modules(statement: ast.Import | ast.ImportFrom, module: Module) -> list[str]:
    """What an import runs: modules, and names that may be modules."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return [
        _imported_from(statement, module),
        *(dotted for _, dotted in imported_names(statement, module)),
    ]


def imported_as_global(body: list[ast.stmt], module: Module) -> Iterator[tuple[str, str]]:
    """Imports in functions that bind a name of the module."""
    for function in (node for statement in body for node in ast.walk(statement)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            scope = Scope(module, function.body)
            for name in scope.globals & scope.imports.keys():
                yield from ((name, dotted) for dotted in scope.imports[name])


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [*named, *filter(None, (arguments.vararg, arguments.kwarg))]


def inside(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Nodes and all below them, but those of other scopes: functions, classes, comprehensions."""
    for node in nodes:
        yield node
        if isinstance(node, DEFINITIONS | ast.Lambda | ast.Import | ast.ImportFrom):
            continue
        target = node.target if isinstance(node, ast.comprehension) else None
        yield from inside(child for child in ast.iter_child_nodes(node) if child is not target)
