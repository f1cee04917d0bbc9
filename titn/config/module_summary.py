"""What a module defines: each name with what it uses, and a digest of it.

The digest is of the syntax tree, without what cannot change a number: comments, docstrings, type
annotations, import statements, the texts of exceptions. A summary depends on the module alone, so
it can be kept. titn.config.source_digest joins them.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from titn.config.source_code import Module

DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
IMPORTS = ast.Import | ast.ImportFrom

# Of a node's fields: types, and whether a name is read or written, which its place says already.
LEFT_OUT = frozenset(("annotation", "returns", "ctx", "type_comment"))


@dataclass(frozen=True)
class Unit:
    """A name that a module binds at its top level.

    digest: of its syntax tree, in which what it uses is numbered. uses: dotted names of what the
    module defines (".name") or imports ("package.module.name"), in the order of those numbers.
    """

    digest: str
    uses: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """units: by name; under "" the statements that bind no name, which whoever imports it runs.

    imports: name -> dotted name. stars: the modules of `from module import *`.
    """

    units: dict[str, Unit] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    stars: tuple[str, ...] = ()


def summarise(module: Module) -> Summary:
    """The summary of a parsed module."""
    statements: dict[str, list[ast.stmt]] = {}
    imports: dict[str, str] = {}
    stars: list[str] = []
    for statement in _running(module.body):
        if isinstance(statement, IMPORTS):
            for name, dotted in _imported(statement, module):
                if name == "*":
                    stars.append(dotted)
                else:
                    imports.setdefault(name, dotted)
        else:
            for name in dict.fromkeys(_bound_names(statement)) or ("",):
                statements.setdefault(name, []).append(statement)
    units = {}
    for name, own in statements.items():
        writer = _Writer(module, statements, imports)
        writer.write(own)
        digest = hashlib.sha256("".join(writer.text).encode()).hexdigest()
        units[name] = Unit(digest, tuple(writer.uses))
    return Summary(units, imports, tuple(stars))


def _running(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Top-level statements that do something; of `try` and `if` also the imports in them."""
    for statement in body:
        if _is_docstring(statement) or _is_for_types(statement):
            continue
        if isinstance(statement, ast.If | ast.Try):
            yield from (node for node in ast.walk(statement) if isinstance(node, IMPORTS))
        yield statement


class _Writer:
    """Writes syntax trees as text, and numbers the names in them that the module knows."""

    def __init__(self, module: Module, defined: dict[str, list[ast.stmt]], imports: dict[str, str]):
        self.module = module
        self.defined = defined
        self.imports = imports
        self.text: list[str] = []
        self.uses: dict[str, int] = {}

    def write(self, value: object) -> None:
        """A node, a list of them, or a constant."""
        if isinstance(value, list):
            for child in value:
                if not _is_docstring(child):
                    self.write(child)
                    self.text.append(",")
        elif isinstance(value, ast.Name | ast.Attribute):
            self._write_name(value)
        elif isinstance(value, IMPORTS):
            # Of a function: its names are known from here on.
            self.imports = self.imports | dict(_imported(value, self.module))
        elif isinstance(value, ast.AST):
            self._write_node(value)
        else:
            self.text.append(repr(value))

    def _write_node(self, node: ast.AST) -> None:
        self.text.append(f"({type(node).__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            # Empty fields are left out: later versions of Python have more of them.
            if value is None or value == [] or name in LEFT_OUT:
                continue
            if name == "exc" and isinstance(value, ast.Call):
                value = value.func  # `raise` counts, what it says does not
            self.text.append(f" {name}=")
            self.write(value)
        self.text.append(")")

    def _write_name(self, node: ast.Name | ast.Attribute) -> None:
        """A number for what the module defines or imports; any other name as it stands."""
        dotted = _dotted(node)
        first, _, rest = (dotted or "").partition(".")
        if first in self.imports:
            name = f"{self.imports[first]}.{rest}" if rest else self.imports[first]
        elif first in self.defined:
            name = f".{dotted}"
        else:
            self._write_node(node)
            return
        number = self.uses.setdefault(name, len(self.uses))
        self.text.append(f"<{number}>")


def _dotted(node: ast.AST) -> str | None:
    """a.b.c of names alone; None for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return before and f"{before}.{node.attr}"
    return None


def _imported(statement: ast.Import | ast.ImportFrom, module: Module) -> Iterator[tuple[str, str]]:
    """The names that an import binds, and the dotted names that they stand for."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            first = alias.name.partition(".")[0]
            yield (alias.asname, alias.name) if alias.asname else (first, first)
        return
    source = statement.module or ""
    if statement.level:
        parents = module.name.split(".")
        base = ".".join(parents[: len(parents) - statement.level + module.is_package])
        source = f"{base}.{source}" if source else base
    for alias in statement.names:
        yield alias.asname or alias.name, source if alias.name == "*" else f"{source}.{alias.name}"


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top level of a module defines."""
    if isinstance(statement, DEFINITIONS):
        yield statement.name
        return
    for child in _inside(statement):
        if isinstance(child, DEFINITIONS):
            yield child.name
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one but those inside of functions and classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, DEFINITIONS):
            yield from _inside(child)


def _is_docstring(node: object) -> bool:
    """A string that stands as a statement of its own does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_for_types(statement: ast.stmt) -> bool:
    """`if TYPE_CHECKING:` never runs."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING")
