"""Files that anyone may have written, opened with care: where they lie, how large, how deep."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from titn.system.text import is_utf8

# libyaml where it is: a thousand configurations take a second instead of ten.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MEGABYTE = 2**20
# Many times what any run has written.
MOST_MEGABYTES = {
    "config.yaml": 1,
    "environment.json": 16,
    "failure.json": 16,
    "result.json": 16,
    "epochs.jsonl": 256,
    "samples.parquet": 1024,
    "sweep.json": 64,
    "latency.json": 64,
    "postponed.json": 4,
}
DEEPEST = 30
MOST_VALUES = 1_000_000
LARGEST = 2**63 - 1


def safe_path(directory: Path, name: str) -> Path | None:
    """The path of a directory's file, None without it; ValueError if it should not be opened.

    A pipe would be waited for, a link may lead to what the owner of the link could not read.
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
    if found.st_size > MOST_MEGABYTES[name] * MEGABYTE:
        raise ValueError(
            f"{name}: has {found.st_size // MEGABYTE} megabytes, and {MOST_MEGABYTES[name]} would "
            "be many"
        )
    return path


def _is_within(path: Path, directory: Path) -> bool:
    # Not Path.resolve: before Python 3.13 a link in circles is a RuntimeError.
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


def walk_directories(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every directory below `root`, itself first, with the names in it; links are not followed.

    In a fixed order. Not os.walk, which before Python 3.12 calls itself for each level.
    """
    waiting = [root]
    while waiting:
        directory = waiting.pop()
        try:
            with os.scandir(directory) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue  # as os.walk does
        yield directory, [entry.name for entry in found]
        inner = [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
        waiting += [directory / name for name in reversed(inner)]


def read_yaml(path: Path) -> Any:
    """A YAML file's content; ValueError or yaml.YAMLError for what no run writes.

    Before it is built its depth is bounded, at which libyaml's builder would crash, and aliases
    are refused: they make a small file a large or an endless one.
    """
    text = path.read_text(encoding="utf-8")
    depth = 0
    for event in yaml.parse(text, LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"*{event.anchor}: a run's configuration has no alias")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"is nested deeper than {DEEPEST} levels")
    return yaml.load(text, LOADER)


def check_plain(content: Any, dots: bool = True) -> None:
    """ValueError if there is more than dicts, lists, texts and numbers that can be written again.

    No deeper than DEEPEST, no more of them than MOST_VALUES. dots: whether a key may have one.
    """
    waiting, count = [("", content, 0)], 0
    while waiting:
        key, node, depth = waiting.pop()
        count += 1
        if depth > DEEPEST or count > MOST_VALUES:
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
            if abs(node) > LARGEST:
                raise ValueError(f"{key}: is a whole number of more than 64 bits")
        elif not (node is None or isinstance(node, float)):
            raise ValueError(f"{key}: is neither text nor number")


def _check_text(text: object, key: str) -> None:
    if not isinstance(text, str):
        raise ValueError(f"{text!r:.40}: is a key, and not text")
    if not is_utf8(text):
        raise ValueError(f"{key}: has half a character")
