"""The modules that a digest follows, and their summaries."""

import os
import sys
from pathlib import Path

from titn.source.code import Module, SearchPath, find_module, find_spec, parse_source
from titn.source.kept import KeptSummaries, summary_key
from titn.source.loaded import check_unchanged
from titn.source.remembered import read_source
from titn.source.summary import Summary, summarise
from titn.system.errors import ConfigError, error_text, first_line

# Other people's code: a record names its version.
LIBRARIES = frozenset(
    """torch torchvision timm einops numpy scipy sklearn pandas pyarrow PIL safetensors hydra
    omegaconf lightning_fabric pydantic""".split()
)
STANDARD_LIBRARY = str(Path(os.__file__).parent)
INSTALLED = ("site-packages", "dist-packages")


class Modules:
    """Those of the packages that targets lie in, and of the packages beside them.

    path: where to look for modules. left_out: modules and definitions that are not followed.
    """

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
        self.summaries: dict[str, Summary | None] = {}
        self.kept = KeptSummaries()

    def summary(self, module: str) -> Summary | None:
        """None for a module that is not followed, or that is none."""
        if module not in self.summaries:
            follows = self.follows(module) and not self.is_left_out(module)
            self.summaries[module] = self._summarise(module) if follows else None
        return self.summaries[module]

    def follows(self, module: str) -> bool:
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

    def is_left_out(self, dotted: str) -> bool:
        return any(f"{dotted}.".startswith(f"{name}.") for name in self.left_out)

    def _summarise(self, module: str) -> Summary | None:
        found = find_module(module, self.path)
        if found is None:
            return None
        file, is_package = found
        if file is None:
            return Summary()
        try:
            source = read_source(file)
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read ({error_text(error)}); mend it") from None
        summary = self._summary_of(source, module, file, is_package)
        check_unchanged(module, file, source, summary)
        return summary

    def _summary_of(self, source: bytes, module: str, file: Path, is_package: bool) -> Summary:
        key = summary_key(module, is_package, source)
        if (kept := self.kept.get(key)) is not None:
            return kept
        try:
            summary = summarise(Module(module, parse_source(source), is_package))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ConfigError(
                f"{file}: cannot be read as Python ({first_line(error)}); mend it, or choose "
                "another _target_"
            ) from None
        self.kept.add(key, summary)
        return summary


def _directory(package: str, path: SearchPath) -> str:
    """The directory that a top-level module or package lies in; "" if it lies in none."""
    spec = find_spec(package, path)
    if spec is None:
        return ""
    places = spec.submodule_search_locations
    file = next(iter(places), "") if places is not None else spec.origin or ""
    return os.path.dirname(file)
