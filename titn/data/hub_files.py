"""Find the files of a data set of the Hugging Face hub, by configuration and split. No torch here.

Two layouts are known: what `Dataset.save_to_disk` writes (arrow files beside JSON files that list
them), and a repository of the hub, whose parquet files are told apart by what they and their
directories are called, or by the `configs` of its README.
"""

import json
import re
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from titn.data.leftovers import belonging
from titn.data.misplaced import OTHER_NAMES, check_directory
from titn.data.numbering import NUMBERED, check_whole
from titn.data.paths import is_directory, is_file

# What save_to_disk writes: of all splits, and of each.
SPLITS_FILE, STATE_FILE, INFO_FILE = "dataset_dict.json", "state.json", "dataset_info.json"
# A configuration that has no name of its own, and the directory that often has its files.
DEFAULT, DATA = "default", "data"
# How many directories below the root parquet files may lie: CONFIGURATION/SPLIT/0000.parquet.
DEEPEST = 3
# Other names of a split, as the hub knows them.
VALIDATION = ("validation", "valid", "val", "dev")
SPLIT_OF = dict.fromkeys(OTHER_NAMES["train"], "train")
SPLIT_OF |= dict.fromkeys(("test", "testing", "eval", "evaluation"), "test")
SPLIT_OF |= dict.fromkeys(VALIDATION, "validation")

Splits = dict[str, tuple[Path, ...]]


class Located(NamedTuple):
    """The files of the two splits, and the names of all that are there.

    info: a JSON file with the features, where one lies beside the files.
    """

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    info: Path | None


def locate(root: Path, config_name: str | None, test_split: str) -> Located:
    """The files under `root`; ValueError if it is not said which, or if they are not there."""
    check_directory(root, "the one that save_to_disk wrote, or that was fetched from the hub")
    if is_file(root / SPLITS_FILE):
        splits = _saved_splits(root)
        info = root / "train" / INFO_FILE
    elif is_file(root / STATE_FILE):
        raise ValueError(f"root={root}: {_one_split(root)}")
    else:
        splits = _of_configuration(root, _configurations(root), config_name)
        info = root / INFO_FILE
    train, test = _both(root, splits, test_split)
    return Located(train, test, info if is_file(info) else None)


def _both(root: Path, splits: Splits, test_split: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    has = ", ".join(sorted(splits))
    if "train" not in splits:
        raise ValueError(f"root={root}: has no split train, but {has}; call one of them train")
    if test_split == "train":
        raise ValueError("test_split=train: is what is trained on; name another split")
    if test_split in splits:
        return splits["train"], splits[test_split]
    others = [name for name in sorted(splits) if name != "train"]
    if others:
        # Validation before what is called otherwise.
        best = "validation" if "validation" in others else others[0]
        raise ValueError(
            f"test_split={test_split}: {root} has {has}; to evaluate on {best} say "
            f"dataset.test_split={best}"
        )
    raise ValueError(
        f"root={root}: has the split train alone; in Python, "
        "load_dataset(...)['train'].train_test_split(0.2, seed=0).save_to_disk(DIR) makes both"
    )


# --- save_to_disk -----------------------------------------------------------------------------


def _saved_splits(root: Path) -> Splits:
    names = _json(root, root / SPLITS_FILE).get("splits")
    if not isinstance(names, list) or not all(map(_is_name, names)):
        raise ValueError(f"root={root}: {SPLITS_FILE} lists no splits; save the data set again")
    return _known_names({name: _saved_files(root, root / name) for name in names})


def _saved_files(root: Path, directory: Path) -> tuple[Path, ...]:
    """The files that the state of a split lists, in their order."""
    state = _json(root, directory / STATE_FILE)
    listed = state.get("_data_files")
    files = [item.get("filename", "") if isinstance(item, dict) else "" for item in listed or []]
    if not files or not all(map(_is_name, files)):
        raise ValueError(
            f"root={root}: {directory.name}/{STATE_FILE} lists no files; save the data set again"
        )
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise ValueError(
            f"root={root}: {directory.name}/ has rows in an order of its own, as old versions of "
            "datasets wrote it; load it and call save_to_disk again"
        )
    return tuple(directory / name for name in files)


def _one_split(root: Path) -> str:
    if is_file(root.parent / SPLITS_FILE):
        return "is a single split of the data set in the directory above; give that"
    return (
        "is a single split; in Python, load_from_disk(DIR).train_test_split(0.2, seed=0)"
        ".save_to_disk(OTHER) makes train and test of it"
    )


def _json(root: Path, file: Path) -> dict[str, Any]:
    name = file.relative_to(root)
    if not is_file(file):
        raise ValueError(f"root={root}: has no {name}; save the data set again")
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ValueError(f"root={root}: {name} is not as save_to_disk writes it; save it again")
    return content


def _is_name(value: object) -> bool:
    """Whether it is the name of something in a directory, and leads nowhere else."""
    return isinstance(value, str) and value not in ("", ".", "..") and not set("/\\\0") & set(value)


# --- a repository of the hub ------------------------------------------------------------------


def _of_configuration(root: Path, found: dict[str, Splits], name: str | None) -> Splits:
    if not found:
        raise ValueError(
            f"root={root}: has neither {SPLITS_FILE} of save_to_disk nor parquet files of the hub; "
            f"{_instead(root)}"
        )
    names = ", ".join(sorted(found))
    if name is None and len(found) > 1:
        raise ValueError(
            f"root={root}: has several configurations: {names}; choose one, as "
            f"dataset.config_name={min(found)}"
        )
    if name is not None and name not in found:
        raise ValueError(f"config_name={name}: {root} has {names}; choose of these")
    splits = found[name] if name is not None else next(iter(found.values()))
    for files in splits.values():
        check_whole(root, files)
    return splits


def _configurations(root: Path) -> dict[str, Splits]:
    """Configuration -> split -> files: as the README says, or else as names say."""
    if declared := _declared(root):
        return declared
    grouped: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for file in _parquet_files(root):
        config, split = _names_of(file.relative_to(root))
        grouped[config][split].append(file)
    return {
        config: _known_names({split: tuple(files) for split, files in splits.items()})
        for config, splits in grouped.items()
    }


def _parquet_files(directory: Path, depth: int = 0) -> list[Path]:
    files: list[Path] = []
    for item in belonging(directory):
        if is_directory(item):
            files += _parquet_files(item, depth + 1) if depth < DEEPEST else []
        elif item.suffix == ".parquet":
            files.append(item)
    return files


def _names_of(file: Path) -> tuple[str, str]:
    """The configuration and the split that a file belongs to, by its path below the root."""
    directories = list(file.parts[:-1])
    match = NUMBERED.fullmatch(file.name)
    split = match["stem"] if match else file.stem.split("-")[0]
    # The hub's own conversion: CONFIGURATION/SPLIT/0000.parquet; or SPLIT/train-00000-of-00001.
    if directories and (above := SPLIT_OF.get(directories[-1].lower())):
        own = SPLIT_OF.get(split.lower())
        if own == above:
            directories.pop()
        elif own is None:
            split = directories.pop()
    names = [name for name in directories if name != DATA]
    return "/".join(names) or DEFAULT, split


def _known_names(splits: Splits) -> Splits:
    """The splits by the names train, test and validation.

    One of another name stays what it is called where the name that it would get is taken, or where
    two would get it: eval beside test is not test.
    """
    wanted = {name: SPLIT_OF.get(name.lower(), name) for name in splits}
    claims = Counter(wanted.values())
    return {
        wanted[name] if wanted[name] == name or claims[wanted[name]] == 1 else name: files
        for name, files in splits.items()
    }


def _declared(root: Path) -> dict[str, Splits]:
    """What the YAML at the top of a README says of configurations; empty if it says nothing."""
    found: dict[str, Splits] = {}
    for config in _readme(root).get("configs") or []:
        if not isinstance(config, dict) or not isinstance(config.get("config_name"), str):
            return {}
        splits: Splits = {}
        parts = config.get("data_files")
        for part in parts if isinstance(parts, list) else []:
            if not isinstance(part, dict) or not isinstance(part.get("split"), str):
                return {}
            patterns = part.get("path")
            files = _matching(root, [patterns] if isinstance(patterns, str) else patterns)
            splits[part["split"]] = files
        if splits and all(splits.values()):
            found[config["config_name"]] = _known_names(splits)
    return found


def _readme(root: Path) -> dict[str, Any]:
    file = root / "README.md"
    if not is_file(file):
        return {}
    text = file.read_text(encoding="utf-8", errors="replace")
    front = re.match(r"---\s*\n(.*?)\n---\s*(\n|$)", text, re.DOTALL)
    try:
        content = yaml.safe_load(front[1]) if front else None
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _matching(root: Path, patterns: Any) -> tuple[Path, ...]:
    """The parquet files below the root whose paths match one of the README's patterns."""
    found: set[Path] = set()
    for text in patterns or []:
        if isinstance(text, str):
            with suppress(ValueError, NotImplementedError):  # of a path that is absolute, or none
                found.update(root.glob(text))
    return tuple(file for file in _parquet_files(root) if file in found)


def _instead(root: Path) -> str:
    """The remedy for a directory that has neither layout."""
    items = belonging(root)
    if any(item.suffix == ".arrow" for item in items):
        return (
            "it is the cache of datasets, which may lack the images: load it there, and call "
            "save_to_disk"
        )
    if is_directory(root / "snapshots"):
        return "give the directory below snapshots/"
    inner = [item.name for item in items if is_file(item / SPLITS_FILE)]
    if inner:
        return f"give the directory {inner[0]}/ in it"
    if is_directory(root / "train"):
        return "directories of images are read by dataset=folder"
    return "give the data set's own directory"
