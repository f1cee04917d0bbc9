"""A finished run as a folder for the Hugging Face hub: its files, and how it is read back.

config.json               classes and sizes as the hub knows them; under "titn" what the run's own
                          files say: config, record, environment
model.safetensors         the weights
preprocessor_config.json  how an image becomes what the network takes
README.md                 the model card

None of these is a file of a run's directory, so no report takes the folder for a run.
"""

import re
import shlex
from pathlib import Path
from typing import Any

from titn.records.run_dir import CHECKSUM, checksum, read_json
from titn.records.run_files import read_config, read_run_files
from titn.records.safe_open import check_plain, safe_path
from titn.records.schemas import Config, Result, validate
from titn.system.text import without_password

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PREPROCESSOR, CARD = "preprocessor_config.json", "README.md"
# The key of config.json with what titn reads, and its parts.
SECTION, PARTS = "titn", ("config", "record", "environment")
# An absolute path within a word of a command: after = or in a list, and of two kinds of addresses.
PLACE = re.compile(r"""(?<![^=,:\[{\s'"])(file://|sqlite:///)?((?:/(?!/)|~)[^,\]}'"]*)""")
# Keys of a configuration that are places on the machine of whoever trained.
PLACES = ("run_dir", "runs_dir", "checkpoint", "weights")


def is_one(path: Path) -> bool:
    """Whether a directory looks like such a folder, and not like a run's own."""
    return (path / CONFIG).is_file() and not (path / "result.json").exists()


def read(path: Path) -> dict[str, Any]:
    """Of a folder: `config`, `record` and `environment`; ValueError if titn did not write it."""
    if safe_path(path, CONFIG) is None:
        raise ValueError("there is no config.json")
    section = (read_json(path / CONFIG) or {}).get(SECTION)
    if not isinstance(section, dict) or not all(isinstance(section.get(p), dict) for p in PARTS):
        raise ValueError(f"{CONFIG}: has no run of titn in it; export one with --to hub")
    check_plain(section)
    record = section["record"]
    if record.pop(CHECKSUM, None) != checksum(record):
        raise ValueError(f"{CONFIG}: its record has changed since it was written")
    return {
        "config": validate(CONFIG, Config, section["config"]),
        "record": validate(CONFIG, Result, record),
        "environment": section["environment"],
    }


def of_run(path: Path) -> dict[str, Any]:
    """The same parts of a run's directory, or of such a folder; ValueError if it is damaged.

    Fit to be published: directories of the machine that trained are left out.
    """
    if is_one(path):
        return read(path)
    files = read_run_files(path)
    if files.result is None or files.environment is None:
        raise ValueError("holds no finished run")
    command = _command_without_places(files.environment.get("command", ""))
    return {
        "config": _without_places(read_config(path)),
        "record": files.result,
        "environment": files.environment | {"command": command},
    }


def section(parts: dict[str, Any]) -> dict[str, Any]:
    """What stands under "titn": the parts, the record with its checksum."""
    return parts | {"record": parts["record"] | {CHECKSUM: checksum(parts["record"])}}


def _without_places(config: dict[str, Any]) -> dict[str, Any]:
    """Of an absolute path the last part stays: whether there was one decides what is checked."""
    plain = {key: _last_part(value) if key in PLACES else value for key, value in config.items()}
    dataset = plain["dataset"]
    plain["dataset"] = {k: _last_part(v) if k == "root" else v for k, v in dataset.items()}
    if isinstance(plain.get("teacher"), dict):
        plain["teacher"] = _without_places(plain["teacher"])
    return plain


def _command_without_places(command: str) -> str:
    """As it was typed, but for the directories of absolute paths, and a database's password."""
    words = map(without_password, shlex.split(command))
    return shlex.join(PLACE.sub(_without_directories, word) for word in words)


def _without_directories(found: re.Match[str]) -> str:
    scheme, path = found.groups(default="")
    return f"{scheme}{_last_part(path)}"


def _last_part(value: Any) -> Any:
    """Of an absolute path; anything else as it is."""
    is_place = isinstance(value, str) and value.startswith(("/", "~"))
    return value.rstrip("/").rpartition("/")[2] if is_place else value
