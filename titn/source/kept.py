"""Summaries of modules that are kept between processes: parsing titn takes a tenth of a second."""

import hashlib
import json
import sys
import zlib
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

from titn.source import scopes
from titn.source import summary as summaries
from titn.source.summary import Summary, Unit
from titn.system.files import cache_dir, write_text

# Of so many modules, the last ones; titn has some two hundred.
MAX_KEPT = 2000


class KeptSummaries:
    """Reads the file once, and writes it if there is something new."""

    def __init__(self) -> None:
        self.known = _read()
        self.new: dict[str, dict] = {}

    def get(self, key: str) -> Summary | None:
        """None if there is none, or if it has not the form of one."""
        with suppress(KeyError, TypeError, AttributeError):
            return _to_summary(self.known[key])
        return None

    def add(self, key: str, summary: Summary) -> None:
        self.new[key] = asdict(summary)

    def save(self) -> None:
        """A disk that cannot be written is no loss."""
        if self.new:
            text = json.dumps(dict([*self.known.items(), *self.new.items()][-MAX_KEPT:]))
            with suppress(OSError):
                _file().parent.mkdir(parents=True, exist_ok=True)
                write_text(_file(), json.dumps({"crc32": _crc32(text), "modules": text}))


def summary_key(module: str, is_package: bool, source: bytes) -> str:
    """What a summary depends on: the module's name and source, and what makes summaries."""
    return hashlib.sha256(f"{_maker()}\0{module}\0{is_package}\0".encode() + source).hexdigest()


@cache
def _maker() -> str:
    """The code and the Python that make summaries: others may make other ones."""
    source = b"".join(Path(str(module.__file__)).read_bytes() for module in (summaries, scopes))
    return f"{hashlib.sha256(source).hexdigest()} {sys.version_info[:2]}"


def _file() -> Path:
    return cache_dir() / "module-summaries-1.json"


def _read() -> dict[str, dict]:
    """By key; empty if the file is not as it was written."""
    try:
        content = json.loads(_file().read_text(encoding="utf-8"))
        text = content["modules"]
        known = json.loads(text) if _crc32(text) == content["crc32"] else {}
        return known if isinstance(known, dict) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError):
        return {}


def _crc32(text: str) -> int:
    return zlib.crc32(text.encode())


def _to_summary(node: dict) -> Summary:
    units = {
        name: Unit(unit["digest"], tuple(map(tuple, unit["uses"])), tuple(unit["loads"]))
        for name, unit in node["units"].items()
    }
    imports = {name: tuple(dotted) for name, dotted in node["imports"].items()}
    decorators = {name: tuple(dotted) for name, dotted in node["decorators"].items()}
    return Summary(units, imports, tuple(node["stars"]), tuple(node["loads"]), decorators)
