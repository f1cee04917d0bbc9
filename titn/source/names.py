"""What a dotted name stands for: definitions, through imports, stars and whole modules."""

from collections.abc import Iterator

from titn.source.modules import Modules
from titn.source.summary import Summary
from titn.system.errors import ConfigError

# A module and a name in it; "" is what the module does when it is imported.
Place = tuple[str, str]
# What a name is called in a digest, and the places behind it.
Use = tuple[str, list[Place]]


class Names:
    """Resolves names in the modules that a digest follows."""

    def __init__(self, modules: Modules):
        self.modules = modules
        self.imported: set[str] = set()
        self.expanding: set[str] = set()

    def resolve(self, names: tuple[str, ...], module: str) -> Use:
        """What a use is called in a digest, and the places behind it.

        names: what it may stand for, those with a dot in front in `module`. A name of code that is
        followed is called by its last parts, without its module: that may be moved.
        """
        spelled, places = [], []
        for name in names:
            own = name.startswith(".")
            found = self._find(module + name if own else name, frozenset(), whole=not own)
            spelled.append(found[0] if found else name)
            places += found[1] if found else []
        return "|".join(spelled), list(dict.fromkeys(places))

    def _find(self, dotted: str, seen: frozenset[str], whole: bool) -> Use | None:
        """As `resolve`, of one name; None if a module that is followed does not define it.

        seen: the imports that led here, which may go in a circle. whole: whether to take all of a
        module that is used as an object, or for a name that it does not define.
        """
        parts = dotted.split(".")
        if self.modules.is_left_out(dotted):
            return parts[-1], []
        count = 0
        places: list[Place] = []
        while count < len(parts) and self.modules.summary(".".join(parts[: count + 1])) is not None:
            if count:  # a package may give the name of its module to something else
                name, rest = parts[count], parts[count + 1 :]
                bound = self._bound(".".join(parts[:count]), name, rest, seen)
                places += bound[1] if bound else []
            count += 1
        if not count:
            return None if self.modules.follows(parts[0]) else (dotted, [])
        module = ".".join(parts[:count])
        if count == len(parts):
            return ("", [*places, *self._whole(module)]) if whole else None
        name, rest = parts[count], parts[count + 1 :]
        found = self._bound(module, name, rest, seen) or self._starred(module, name, rest, seen)
        if found:
            return found[0], [*places, *found[1]]
        if not whole:
            return None
        is_of_every_module = name.startswith("__") and name.endswith("__")
        return name, places if is_of_every_module else [*places, *self._whole(module)]

    def _bound(self, module: str, name: str, rest: list[str], seen: frozenset[str]) -> Use | None:
        """What a module defines or imports under a name; None if it does neither."""
        summary = self.modules.summary(module)
        here = f"{module}.{name}"
        if summary is None or here in seen:
            return None
        is_defined = name in summary.units
        spelled = [".".join([name, *rest])] if is_defined else []
        places = [(module, name)] if is_defined else []
        for imported in summary.imports.get(name, ()):
            if imported != here:
                found = self._find(".".join([imported, *rest]), seen | {here}, whole=True)
                spelled.append(found[0] if found else name)
                places += found[1] if found else []
        return ("|".join(spelled), places) if spelled else None

    def _starred(self, module: str, name: str, rest: list[str], seen: frozenset[str]) -> Use | None:
        """What the modules of `from module import *` may bind a name to; None if they do not."""
        summary = self.modules.summary(module)
        here = f"{module}.*{name}"
        if summary is None or here in seen:
            return None
        found = [
            self._find(".".join([source, name, *rest]), seen | {here}, whole=False)
            for source in summary.stars
        ]
        known = [each for each in found if each]
        spelled = "|".join(each[0] for each in known)
        return (spelled, [place for each in known for place in each[1]]) if known else None

    def _whole(self, module: str) -> list[Place]:
        """All that a module defines or imports, the modules that it imports included."""
        if module in self.expanding:  # modules that import each other lead back to it
            return []
        self.expanding.add(module)
        places: list[Place] = []
        modules = [module]
        for name in modules:  # grows as it runs
            summary = self.modules.summary(name)
            assert summary is not None
            places += [(name, defined) for defined in summary.units if defined]
            imported = [dotted for names in summary.imports.values() for dotted in names]
            for dotted in (*imported, *summary.stars):
                if self.modules.summary(dotted) is None:
                    found = self._find(dotted, frozenset(), whole=False)
                    places += found[1] if found else []
                elif dotted not in modules:
                    modules.append(dotted)
        self.expanding.remove(module)
        return places

    def run_by_import(self, *names: str) -> list[Place]:
        """What runs when modules are imported: of them, their packages, and all that they import.

        names: may be names in modules. Of a module that was imported before nothing runs again.
        """
        run: list[Place] = []
        waiting = [name for name in names if name not in self.imported]
        while waiting:
            parts = waiting.pop().split(".")
            for count in range(1, len(parts) + 1):
                module = ".".join(parts[:count])
                summary = self.modules.summary(module)
                if summary is None:
                    break
                if module not in self.imported:
                    self.imported.add(module)
                    waiting += summary.loads
                    run += [(module, "")] if "" in summary.units else []
                    run += self._registered(module, summary)
        return run

    def _registered(self, module: str, summary: Summary) -> Iterator[Place]:
        """Definitions with a decorator that is followed: it may register what it decorates."""
        for name, decorators in summary.decorators.items():
            if self.resolve(decorators, module)[1]:
                yield module, name

    def require(self, target: str) -> Use:
        """A root of a digest; ConfigError if there is no such thing.

        A user's target is called by its whole name, titn's by its last part: that may be moved.
        """
        found = self._find(target, frozenset(), whole=False)
        if found is None:
            raise ConfigError(f"_target_={target}: no module defines it; name what one defines")
        return (found[0] if target.startswith("titn.") else f"{target}={found[0]}"), found[1]
