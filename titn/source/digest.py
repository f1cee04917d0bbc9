"""A digest of the code that a cell uses, and of no other code.

From the targets that a cell names, along the names that each definition uses, through the modules
of titn, of the packages that the targets lie in, and of those beside them; with what these modules
do when they are imported. Where a definition lies does not count, and neither do comments,
docstrings, type annotations, and the texts of exceptions. So a moved module or a new model orphans
no record, and an edited helper orphans the records that were made with it.

What is named at run time only (importlib, a base that registers its subclasses) is not followed,
and neither is what was installed into site-packages, unless a target lies in it. Annotations do
not count even where a library reads them. Nothing is imported here.
"""

import hashlib
import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

from titn.source import summary as module_summary
from titn.source.code import Module, SearchPath, find_module, find_spec, parse_source
from titn.source.summary import Summary, Unit, summarise
from titn.system.errors import ConfigError, error_text, first_line
from titn.system.files import cache_dir, write_text

# Files, messages, signals, and what only makes a run fast: no number is computed there.
LEFT_OUT = frozenset(
    (
        "titn.system",
        "titn.training.compiling",
        "titn.training.label_cache",
        "titn.training.hardware.keep_freed_memory",
    )
)
# Other people's code: a record names its version.
LIBRARIES = frozenset(
    """torch torchvision timm einops numpy scipy sklearn pandas pyarrow PIL safetensors hydra
    omegaconf lightning_fabric pydantic""".split()
)
STANDARD_LIBRARY = str(Path(os.__file__).parent)
INSTALLED = ("site-packages", "dist-packages")
# So many summaries of modules are kept, the last ones; titn has some hundred modules.
MOST_KEPT = 2000

# A module and a name in it; "" is what the module does when it is imported.
Place = tuple[str, str]
# What a name is called in a digest, and the places behind it.
Use = tuple[str, list[Place]]


@cache
def source_digest(
    targets: frozenset[str], path: SearchPath = None, left_out: frozenset[str] = frozenset()
) -> str:
    """SHA-256 of all definitions that the targets reach; the same in every version of Python.

    targets: as package.module.name. path: where to look for modules, by default where Python does.
    left_out: modules and definitions that are not followed, besides those of LEFT_OUT.
    Raises ConfigError for a target that no module defines, or source that cannot be parsed.
    """
    modules = _Modules(targets, path, LEFT_OUT | left_out)
    roots = [modules.require(target) for target in sorted(targets)]
    uses: dict[Place, list[Use]] = {}
    waiting = [place for _, places in roots for place in places]
    while waiting:
        place = waiting.pop()
        if place not in uses:
            unit = modules.unit(place)
            uses[place] = [modules.resolve(names, place[0]) for names in unit.uses]
            waiting += [used for _, places in uses[place] for used in places]
            waiting += modules.run_by_import(place[0], *unit.loads)
    modules.keep()
    hashes = _hashes({place: modules.unit(place).digest for place in uses}, uses)
    lines = {_joined(name, (hashes[place] for place in places)) for name, places in roots}
    return _sha256("\n".join(sorted(lines | set(hashes.values()))))


def _hashes(digests: dict[Place, str], uses: dict[Place, list[Use]]) -> dict[Place, str]:
    """Of each place with all that it uses, to any depth.

    Every round looks one use further, until a round tells no more places apart. So two helpers of
    one name are not mistaken for each other, and neither their modules nor their order count.
    """
    while True:
        before = digests
        digests = {
            place: _sha256(
                "\0".join(
                    [before[place]]
                    + [_joined(name, [before[used] for used in places]) for name, places in used_by]
                )
            )
            for place, used_by in uses.items()
        }
        if len(set(digests.values())) == len(set(before.values())):
            return digests


def _joined(name: str, digests: Iterable[str]) -> str:
    return "\0".join([name, *digests])


class _Modules:
    """The summaries of the modules that one digest needs, read when they are asked for."""

    def __init__(self, targets: frozenset[str], path: SearchPath, left_out: frozenset[str]):
        self.path = path
        self.left_out = left_out
        self.packages = {target.partition(".")[0] for target in targets}
        places = {_directory(package, path) for package in self.packages - LIBRARIES}
        # Beside what is installed lies other people's code, and beside "" none.
        self.homes = {
            place
            for place in places - {""}
            if not place.startswith(STANDARD_LIBRARY) and not place.endswith(INSTALLED)
        }
        self.followed: dict[str, bool] = {}
        self.imported: set[str] = set()
        self.expanding: set[str] = set()
        self.summaries: dict[str, Summary | None] = {}
        self.kept = _read_kept()
        self.new: dict[str, dict] = {}

    def unit(self, place: Place) -> Unit:
        summary = self.summary(place[0])
        assert summary is not None
        return summary.units[place[1]]

    def summary(self, module: str) -> Summary | None:
        """None for a module that is not followed, or that is none."""
        if module not in self.summaries:
            follows = self._follows(module) and not self._is_left_out(module)
            self.summaries[module] = self._summarised(module) if follows else None
        return self.summaries[module]

    def _follows(self, module: str) -> bool:
        package = module.partition(".")[0]
        if package not in self.followed:
            self.followed[package] = self._follows_package(package)
        return self.followed[package]

    def _follows_package(self, package: str) -> bool:
        if package in LIBRARIES:
            return False
        is_target = package in self.packages
        if package in sys.stdlib_module_names:  # a user's module may have such a name
            return is_target and _directory(package, self.path) in self.homes
        return is_target or _directory(package, self.path) in self.homes

    def _is_left_out(self, dotted: str) -> bool:
        return any(f"{dotted}.".startswith(f"{name}.") for name in self.left_out)

    def _summarised(self, module: str) -> Summary | None:
        found = find_module(module, self.path)
        if found is None:
            return None
        file, is_package = found
        if file is None:
            return Summary()
        try:
            source = file.read_bytes()
            key = _sha256(f"{_summariser()}\0{module}\0{is_package}\0".encode() + source)
            with suppress(KeyError, TypeError, AttributeError):
                return _summary_of(self.kept[key])
            summary = summarise(Module(module, parse_source(source), is_package))
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read ({error_text(error)}); mend it") from None
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ConfigError(
                f"{file}: cannot be read as Python ({first_line(error)}); mend it, or choose "
                "another _target_"
            ) from None
        self.new[key] = asdict(summary)
        return summary

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
        if self._is_left_out(dotted):
            return parts[-1], []
        count = 0
        places: list[Place] = []
        while count < len(parts) and self.summary(".".join(parts[: count + 1])) is not None:
            if count:  # a package may give the name of its module to something else
                name, rest = parts[count], parts[count + 1 :]
                bound = self._bound(".".join(parts[:count]), name, rest, seen)
                places += bound[1] if bound else []
            count += 1
        if not count:
            return None if self._follows(parts[0]) else (dotted, [])
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
        summary = self.summary(module)
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
        summary = self.summary(module)
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
            summary = self.summary(name)
            assert summary is not None
            places += [(name, defined) for defined in summary.units if defined]
            imported = [dotted for names in summary.imports.values() for dotted in names]
            for dotted in (*imported, *summary.stars):
                if self.summary(dotted) is None:
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
                summary = self.summary(module)
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

    def keep(self) -> None:
        """Write down the summaries that were made now; a disk that cannot be written is no loss."""
        if self.new:
            modules = dict([*self.kept.items(), *self.new.items()][-MOST_KEPT:])
            text = json.dumps(modules)
            with suppress(OSError):
                _kept_file().parent.mkdir(parents=True, exist_ok=True)
                write_text(_kept_file(), json.dumps({"crc32": _crc32(text), "modules": text}))


def _directory(package: str, path: SearchPath) -> str:
    """The directory that a top-level module or package lies in; "" if it lies in none."""
    spec = find_spec(package, path)
    if spec is None:
        return ""
    places = spec.submodule_search_locations
    file = next(iter(places), "") if places is not None else spec.origin or ""
    return os.path.dirname(file)


@cache
def _summariser() -> str:
    """The code and the Python that make summaries: others may make other ones."""
    return f"{_sha256(Path(module_summary.__file__).read_bytes())} {sys.version_info[:2]}"


def _kept_file() -> Path:
    return cache_dir() / "module-summaries-1.json"


def _read_kept() -> dict[str, dict]:
    """Summaries by the digest of module and source; none if they are not as they were written."""
    try:
        content = json.loads(_kept_file().read_text(encoding="utf-8"))
        text = content["modules"]
        kept = json.loads(text) if _crc32(text) == content["crc32"] else {}
        return kept if isinstance(kept, dict) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError):
        return {}


def _crc32(text: str) -> int:
    return zlib.crc32(text.encode())


def _sha256(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _summary_of(node: dict) -> Summary:
    units = {
        name: Unit(unit["digest"], tuple(map(tuple, unit["uses"])), tuple(unit["loads"]))
        for name, unit in node["units"].items()
    }
    imports = {name: tuple(dotted) for name, dotted in node["imports"].items()}
    decorators = {name: tuple(dotted) for name, dotted in node["decorators"].items()}
    return Summary(units, imports, tuple(node["stars"]), tuple(node["loads"]), decorators)
