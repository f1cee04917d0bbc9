"""What a module defines: each name with what it uses, and a digest of it.

The digest is of the syntax tree, without what cannot change a number: comments, docstrings, type
annotations, import statements, the texts of exceptions. A summary depends on the module alone, so
it can be kept. titn.source.digest joins them.

An assignment counts where its name is used, whatever else its right side does, and the order of a
module's statements counts only among those of one name.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from titn.source.code import Module
from titn.source.scopes import (
    COMPOUND,
    COMPREHENSIONS,
    DEFINITIONS,
    FUNCTIONS,
    IMPORTS,
    Scope,
    dotted_name,
    imported_as_global,
    imported_names,
    inside,
    loaded_modules,
    parameters,
)

# Of a node's fields: types, the text of an assertion, u"" for "", and whether a name is read or
# written, which its place says already.
LEFT_OUT = frozenset(("annotation", "returns", "type_params", "type_comment", "msg", "kind", "ctx"))


@dataclass(frozen=True)
class Unit:
    """A name that a module binds at its top level.

    digest: of its syntax tree, in which what it uses is numbered. uses: in the order of those
    numbers, the dotted names that each may stand for, of what the module defines (".name") or
    imports ("package.module.name"). loads: modules that it imports when it runs.
    """

    digest: str
    uses: tuple[tuple[str, ...], ...]
    loads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """units: by name; under "" the statements that do more than bind names, run by every import.

    imports: name -> dotted names. stars: the modules of `from module import *`. loads: all modules
    that are imported with this one. decorators: of the decorated definitions, the names in them.
    """

    units: dict[str, Unit] = field(default_factory=dict)
    imports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stars: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()
    decorators: dict[str, tuple[str, ...]] = field(default_factory=dict)


def summarise(module: Module) -> Summary:
    """The summary of a parsed module."""
    body = list(_running(module.body))
    imports = Scope(module, [node for node in body if isinstance(node, IMPORTS)]).imports
    for name, dotted in imported_as_global(body, module):
        imports[name] = (*imports.get(name, ()), dotted)
    statements: dict[str, list[ast.stmt]] = {}
    for statement in body:
        if isinstance(statement, IMPORTS):
            continue
        scope = Scope(module, [statement])
        for name in scope.bound | dict.fromkeys(scope.imports):
            statements.setdefault(name, []).append(statement)
        if _does_more_than_bind(statement):
            statements.setdefault("", []).append(statement)
    everything = Scope(module, body)
    known: dict[str, tuple[str, ...]] = {name: (f".{name}",) for name in statements if name}
    for name, dotted_names in imports.items():
        known[name] = (*known.get(name, ()), *dotted_names)
    units, decorators = {}, {}
    for name, own in statements.items():
        writer = _Writer(module, known, bool(everything.stars))
        writer.write(own)
        digest = hashlib.sha256("".join(writer.text).encode()).hexdigest()
        units[name] = Unit(digest, tuple(writer.uses), tuple(dict.fromkeys(writer.loads)))
        decorating = _Writer(module, known, bool(everything.stars))
        for node in own:
            decorating.write(getattr(node, "decorator_list", []))
        if decorating.uses:
            decorators[name] = tuple(dict.fromkeys(sum(decorating.uses, ())))
    return Summary(
        units, imports, tuple(everything.stars), tuple(dict.fromkeys(everything.loads)), decorators
    )


def _running(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that an import runs: not those for type checkers and for `python -m`."""
    for statement in body:
        if isinstance(statement, ast.If) and _is_false_on_import(statement.test):
            yield from _running(statement.orelse)
        elif not _is_docstring(statement):
            yield statement


def _is_false_on_import(test: ast.expr) -> bool:
    if isinstance(test, ast.Name | ast.Attribute):
        return ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING"
    return ast.dump(test) == ast.dump(ast.parse("__name__ == '__main__'", mode="eval").body)


class _Writer:
    """Writes syntax trees as text, and numbers the names in them that the module knows.

    known: name -> the dotted names that it may stand for. has_stars: whether any other name may
    come from `import *`.
    """

    def __init__(self, module: Module, known: dict[str, tuple[str, ...]], has_stars: bool):
        self.module = module
        self.of_module = known
        self.known = known
        self.has_stars = has_stars
        self.local: frozenset[str] = frozenset()
        self.in_class = False
        self.text: list[str] = []
        self.uses: dict[tuple[str, ...], int] = {}
        self.loads: list[str] = []

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
            self._write_import(value)
        elif isinstance(value, ast.AST):
            self._write_node(value)
        else:
            # repr would escape what the Unicode of an older Python does not know.
            self.text.append(ascii(value))

    def _write_node(self, node: ast.AST) -> None:
        self.text.append(f"({type(node).__name__}")
        before = self.known, self.local, self.in_class
        if isinstance(node, COMPREHENSIONS):
            self.write(node.generators[0].iter)  # belongs to the scope around it
            self._enter(Scope(self.module, [part.target for part in node.generators]))
        for name in node._fields:
            value = getattr(node, name, None)
            # Empty fields are left out: later versions of Python have more of them.
            if (
                isinstance(node, ast.JoinedStr) and value
            ):  # Python 3.12 has empty ones in f"{x:{width}}"
                value = [part for part in value if getattr(part, "value", None) != ""]
            if value is None or value == [] or name in LEFT_OUT:
                continue
            self.text.append(f" {name}=")
            if name == "body" and isinstance(node, FUNCTIONS | ast.ClassDef):
                self._write_body(node)
                self.known, self.local, self.in_class = before
            elif name == "exc" and isinstance(value, ast.Call):
                # `raise` counts, what it says does not.
                spoken = [*value.args, *value.keywords]
                self.write([value.func, *(part for part in spoken if not _has_text(part))])
            else:
                self.write(value)
        self.known, self.local, self.in_class = before
        self.text.append(")")

    def _write_body(self, node: FUNCTIONS | ast.ClassDef) -> None:
        """In a scope of its own. Decorators, defaults and bases belong to the scope around it."""
        body = node.body if isinstance(node.body, list) else [node.body]
        if isinstance(node, ast.ClassDef):
            # Its methods do not see the names of a class; its statements do from their place on.
            self.in_class = True
            imports = Scope(self.module, body).imports
            self.known = self.known | {
                name: (*self.known.get(name, ()), *dotted) for name, dotted in imports.items()
            }
            self.write(body)
            return
        self.in_class = False
        scope = Scope(self.module, body)
        scope.bound |= Scope(self.module, parameters(node.args)).bound
        self._enter(scope)
        # An import that always runs counts where its name is used.
        for statement in body:
            if isinstance(statement, IMPORTS):
                self.loads += loaded_modules(statement, self.module)
        self.write([statement for statement in body if not isinstance(statement, IMPORTS)])

    def _enter(self, scope: Scope) -> None:
        hidden = scope.bound.keys() - scope.outer
        known = {name: dotted for name, dotted in self.known.items() if name not in hidden}
        known |= {n: self.of_module[n] for n in scope.globals if n in self.of_module}
        self.known = known | scope.imports
        self.local = (self.local | hidden) - scope.globals

    def _write_name(self, node: ast.Name | ast.Attribute) -> None:
        """A number for what the module defines or imports; any other name as it stands."""
        dotted = dotted_name(node)
        first, _, rest = (dotted or "").partition(".")
        stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if first in self.known and not (stored and self.in_class):
            names = self.known[first]
        elif first and self.has_stars and first not in self.local and not stored:
            names = (f".{first}",)
        else:
            self._write_node(node)
            return
        self._write_use(tuple(f"{name}.{rest}" if rest else name for name in names))

    def _write_import(self, node: ast.Import | ast.ImportFrom) -> None:
        """One that may not run, or that makes an attribute of a class."""
        self.loads += loaded_modules(node, self.module)
        for name, dotted in imported_names(node, self.module):
            self.text.append(f"(import {name}=")
            self._write_use((dotted,))
            self.text.append(")")

    def _write_use(self, names: tuple[str, ...]) -> None:
        self.text.append(f"<{self.uses.setdefault(names, len(self.uses))}>")


def _does_more_than_bind(statement: ast.stmt, top: bool = True) -> bool:
    """Whether a statement at the top level of a module may act on anything but names of it."""
    if isinstance(statement, IMPORTS):
        return not top and statement.names[0].name == "*"
    if isinstance(statement, COMPOUND):
        children = (node for node in inside([statement]) if isinstance(node, ast.stmt))
        return isinstance(statement, ast.Match) or any(
            _does_more_than_bind(child, top=False) for child in children if child is not statement
        )
    if isinstance(statement, ast.Assign):
        return not all(map(_is_name, statement.targets))
    if isinstance(statement, ast.AnnAssign | ast.AugAssign):
        return not _is_name(statement.target)
    harmless = isinstance(statement, DEFINITIONS | ast.Pass) or _is_docstring(statement)
    return not harmless and type(statement).__name__ != "TypeAlias"  # of Python 3.12


def _is_name(target: ast.expr) -> bool:
    """Whether an assignment binds names that can be used; `_` takes what is thrown away."""
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_is_name, target.elts))
    if isinstance(target, ast.Starred):
        return _is_name(target.value)
    return isinstance(target, ast.Name) and target.id != "_"


def _is_docstring(node: object) -> bool:
    """A string that stands as a statement of its own does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _has_text(node: ast.AST) -> bool:
    """Whether there is a string in an expression."""
    return any(
        isinstance(child, ast.JoinedStr)
        or (isinstance(child, ast.Constant) and isinstance(child.value, str))
        for child in ast.walk(node)
    )
