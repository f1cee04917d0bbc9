"""Checks of files that anyone may have written: where they are, how large and how deep."""

import os
import stat
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from titn.system.console import complain
from titn.system.errors import error_text, first_line
from titn.system.files import check_can_be_listed
from titn.system.text import is_utf8, printable

# libyaml if it is installed: a thousand configurations take a second instead of ten.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MEGABYTE = 2**20
# Many times the size that any run has written.
MAX_MEGABYTES = {
    "config.yaml": 1,
    "config.json": 16,
    "environment.json": 16,
    "failure.json": 16,
    "result.json": 16,
    "epochs.jsonl": 256,
    "samples.parquet": 1024,
    "sweep.json": 64,
    "latency.json": 64,
    "postponed.json": 4,
    "trials.json": 100,
    "submission.json": 4,
}
MAX_DEPTH = 30
MAX_VALUES = 1_000_000
MAX_INTEGER = 2**63 - 1


def safe_path(directory: Path, name: str) -> Path | None:
    """The path of a file, None if it does not exist; ValueError if it must not be opened.

    A pipe would block the reader. A link could lead to a file that its owner cannot read himself.
    """
    path = directory / name
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            if not _is_within(path, directory):
                raise ValueError(f"{name}: is a link that leads out of its directory")
            found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{name}: is not a file")
    if found.st_size > MAX_MEGABYTES[name] * MEGABYTE:
        raise ValueError(
            f"{name}: has {found.st_size // MEGABYTE} megabytes, and {MAX_MEGABYTES[name]} would "
            "be many"
        )
    return path


def _is_within(path: Path, directory: Path) -> bool:
    # Not Path.resolve: before Python 3.13 a link in circles is a RuntimeError.
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


def walk_directories(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every directory below `root`, itself first, with the names in it; links are not followed.

    In a fixed order. Not os.walk, which before Python 3.12 calls itself for each level. A directory
    that cannot be listed is not an empty one: ConfigError if it is `root`, else a line.
    """
    check_can_be_listed(root)
    waiting = [root]
    while waiting:
        directory = waiting.pop()
        try:
            with os.scandir(directory) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:
            continue  # somebody has removed it
        except OSError as error:
            _say_once(
                f"{printable(directory)}: cannot be listed ({error_text(error)}); "
                "what is in it is left out"
            )
            continue
        yield directory, [entry.name for entry in found]
        inner = [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
        waiting += [directory / name for name in reversed(inner)]


@cache
def _say_once(line: str) -> None:
    """On standard error; a command walks through the same directories several times."""
    complain(line, 0)


def read_yaml(path: Path) -> Any:
    """A YAML file's content; ValueError or yaml.YAMLError if no run can have written it.

    Depth and aliases are checked before anything is built: libyaml crashes on deep nesting, and
    aliases make a small file's content large or endless.
    """
    text = path.read_text(encoding="utf-8")
    depth = 0
    for event in yaml.parse(text, LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"*{event.anchor}: a run's configuration has no alias")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
    return construct_yaml(yaml.load, text, LOADER)


def construct_yaml(construct: Callable[..., Any], *arguments: Any) -> Any:
    """What PyYAML constructs; ValueError or yaml.YAMLError if a value does not fit its tag.

    Of such values, as `!!bool x`, its constructors raise whatever comes.
    """
    try:
        return construct(*arguments)
    except (KeyError, AttributeError, IndexError, TypeError) as error:
        raise ValueError(f"a value does not fit its tag ({first_line(error)})") from None


def check_plain(content: Any, dots: bool = True) -> None:
    """ValueError unless the content is dicts, lists, strings and numbers that JSON can hold.

    At most MAX_DEPTH levels and MAX_VALUES values. dots: whether keys may contain dots.
    """
    waiting, count = [("", content, 0)], 0
    while waiting:
        key, node, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_VALUES:
            raise ValueError("is nested deeper, or has more values, than what a run writes")
        if isinstance(node, dict):
            for name, value in node.items():
                _check_text(name, "a key")
                if not dots and "." in name:
                    raise ValueError(f"{name}: is a key with a dot")
                waiting.append((name, value, depth + 1))
        elif isinstance(node, list):
            waiting += [(key, value, depth + 1) for value in node]
        elif isinstance(node, str):
            _check_text(node, key)
        elif isinstance(node, int):
            if abs(node) > MAX_INTEGER:
                raise ValueError(f"{key}: is a whole number of more than 64 bits")
        elif not (node is None or isinstance(node, float)):
            raise ValueError(f"{key}: is neither text nor number")


def _check_text(text: object, key: str) -> None:
    if not isinstance(text, str):
        raise ValueError(f"{text!r:.40}: is a key, and not text")
    if not is_utf8(text):
        raise ValueError(f"{key}: has half a character")
