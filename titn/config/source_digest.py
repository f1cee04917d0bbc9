"""A digest of the code that a cell uses, and of no other code.

From the targets that a cell names, along the names that each definition uses, through the modules
of titn and of the packages that the targets lie in. Where a definition lies does not count, and
neither do comments, docstrings, type annotations, and the texts of exceptions. So a moved module or
a new model orphans no record, and an edited helper orphans the records that were made with it.

What is named at run time only (getattr, importlib) is not followed. Nothing is imported here.
"""

import hashlib
import json
import sys
import zlib
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

from titn.config.module_summary import Summary, Unit, summarise
from titn.config.source_code import SearchPath, find_module, parse_module
from titn.system.errors import ConfigError, first_line
from titn.system.files import cache_dir, write_text

# Files, messages, signals: no number is computed there.
LEFT_OUT = "titn.system"
# Other people's code: a record names its version.
LIBRARIES = frozenset(
    """torch torchvision timm einops numpy scipy sklearn pandas pyarrow PIL safetensors hydra
    omegaconf lightning_fabric pydantic""".split()
)
# So many summaries of modules are kept, the last ones; titn has some hundred modules.
MOST_KEPT = 2000


@cache
def source_digest(targets: frozenset[str], path: SearchPath = None) -> str:
    """SHA-256 of all definitions that the targets reach; the same in every version of Python.

    targets: as package.module.name. path: where to look for modules, by default where Python does.
    Raises ConfigError for a target that no module defines, or source that cannot be parsed.
    """
    modules = _Modules(targets, path)
    reached: dict[tuple[str, str], str] = {}
    waiting = [place for target in sorted(targets) for place in modules.require(target)]
    while waiting:
        place = waiting.pop()
        if place in reached:
            continue
        unit = modules.unit(place)
        uses = [modules.resolve(name, within=place[0]) for name in unit.uses]
        # With what it uses, by content: two helpers of one name are not mistaken for each other.
        parts = [unit.digest]
        for name, places in uses:
            parts += [name, *(modules.unit(used).digest for used in places)]
            waiting += places
        reached[place] = "\0".join(parts)
    modules.keep()
    return hashlib.sha256("\n".join(sorted(set(reached.values()))).encode()).hexdigest()


class _Modules:
    """The summaries of the modules that one digest needs, read when they are asked for."""

    def __init__(self, targets: frozenset[str], path: SearchPath):
        packages = {target.partition(".")[0] for target in targets}
        self.packages = packages - LIBRARIES - sys.stdlib_module_names
        self.path = path
        self.summaries: dict[str, Summary | None] = {}
        self.kept = _read_kept()
        self.new: dict[str, dict] = {}

    def unit(self, place: tuple[str, str]) -> Unit:
        summary = self.summary(place[0])
        assert summary is not None
        return summary.units[place[1]]

    def summary(self, module: str) -> Summary | None:
        """None for a module that is not followed, or that is none."""
        if module not in self.summaries:
            self.summaries[module] = self._summarised(module) if self._follows(module) else None
        return self.summaries[module]

    def _follows(self, module: str) -> bool:
        is_left_out = f"{module}.".startswith(f"{LEFT_OUT}.")
        return module.partition(".")[0] in self.packages and not is_left_out

    def _summarised(self, module: str) -> Summary | None:
        found = find_module(module, self.path)
        if found is None:
            return None
        file, is_package = found
        if file is None:
            return Summary()
        key = hashlib.sha256(f"{module}\0{is_package}\0".encode() + file.read_bytes()).hexdigest()
        if key in self.kept:
            return _summary_of(self.kept[key])
        try:
            parsed = parse_module(module, self.path)
            assert parsed is not None
            summary = summarise(parsed)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise ConfigError(
                f"{file}: cannot be read as Python ({first_line(error)}); mend it, or choose "
                "another _target_"
            ) from None
        self.new[key] = asdict(summary)
        return summary

    def resolve(self, dotted: str, within: str = "") -> tuple[str, list[tuple[str, str]]]:
        """What a dotted name is called in a digest, and the places (module, name) behind it.

        within: the module to which a name that begins with a dot belongs. A name of code that is
        followed is called by its last parts, without its module: that may be moved.
        """
        parts = (within + dotted if dotted.startswith(".") else dotted).split(".")
        count = 0
        while count < len(parts) and self.summary(".".join(parts[: count + 1])) is not None:
            count += 1
        module = ".".join(parts[:count])
        summary = self.summary(module) if count else None
        if summary is None:
            return dotted, []
        effects = [(module, "")] if "" in summary.units else []
        if count == len(parts):
            return "", effects
        name, *rest = parts[count:]
        if name in summary.units:
            return ".".join([name, *rest]), [(module, name), *effects]
        if name in summary.imports:
            return self.resolve(".".join([summary.imports[name], *rest]))
        for source in summary.stars:
            spelled, places = self.resolve(".".join([source, name, *rest]))
            if places:
                return spelled, places
        return ".".join([name, *rest]), effects

    def require(self, target: str) -> list[tuple[str, str]]:
        """The places of a target; none for a library's, ConfigError if there is no such thing."""
        places = self.resolve(target)[1]
        if self._follows(target) and not any(name for _, name in places):
            raise ConfigError(f"_target_={target}: no module defines it; name what one defines")
        return places

    def keep(self) -> None:
        """Write down the summaries that were made now; a disk that cannot be written is no loss."""
        if self.new:
            modules = dict([*self.kept.items(), *self.new.items()][-MOST_KEPT:])
            text = json.dumps(modules)
            with suppress(OSError):
                _kept_file().parent.mkdir(parents=True, exist_ok=True)
                write_text(_kept_file(), json.dumps({"crc32": _crc32(text), "modules": text}))


def _kept_file() -> Path:
    return cache_dir() / "module-summaries-1.json"


def _read_kept() -> dict[str, dict]:
    """Summaries by the digest of module and source; none if they are not as they were written."""
    try:
        content = json.loads(_kept_file().read_text(encoding="utf-8"))
        text = content["modules"]
        return json.loads(text) if _crc32(text) == content["crc32"] else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError):
        return {}


def _crc32(text: str) -> int:
    return zlib.crc32(text.encode())


def _summary_of(node: dict) -> Summary:
    units = {
        name: Unit(unit["digest"], tuple(unit["uses"])) for name, unit in node["units"].items()
    }
    return Summary(units, node["imports"], tuple(node["stars"]))
