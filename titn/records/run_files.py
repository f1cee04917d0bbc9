"""Reads and validates the files of a run. No torch here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from titn.records.run_dir import RunDir
from titn.records.safe_open import read_yaml, safe_path
from titn.records.schemas import Config, Environment, Failure, Result, Schema, validate
from titn.system.errors import first_line
from titn.system.text import printable

IDENTITY_KEYS = ("config_hash", "source_digest")


@dataclass(frozen=True)
class RunFiles:
    """The contents of a run's JSON files; None for a file that does not exist."""

    environment: dict[str, Any] | None
    failure: dict[str, Any] | None
    result: dict[str, Any] | None

    @property
    def identity(self) -> dict[str, str]:
        """config_hash and source_digest; empty if nothing has begun."""
        content = self.environment or self.failure or {}
        return {key: content[key] for key in IDENTITY_KEYS if key in content}


def read_run_files(path: Path) -> RunFiles:
    """Read the JSON files of a run directory; ValueError if one is damaged or of another run."""
    directory = RunDir(path)
    files = RunFiles(
        environment=_read(path, "environment.json", directory.environment, Environment),
        failure=_read(path, "failure.json", directory.failure, Failure),
        result=_read(path, "result.json", directory.result, Result),
    )
    if files.environment is None:
        if files.result is not None:
            raise ValueError("environment.json: is missing")
        if files.failure is not None and not set(IDENTITY_KEYS) <= set(files.failure):
            raise ValueError("failure.json: config_hash or source_digest is missing")
        return files
    for file, content in (("result.json", files.result), ("failure.json", files.failure)):
        for key, value in files.identity.items():
            if (content or {}).get(key, value) != value:
                raise ValueError(f"{file}: {key} is not that of environment.json")
    return files


def read_identity(path: Path) -> dict[str, str]:
    """config_hash and source_digest of a run of which some files may be damaged.

    Empty if no intact file has both.
    """
    directory = RunDir(path)
    readers: dict[str, tuple[Callable[[], Any], type[Schema]]] = {
        "environment.json": (directory.environment, Environment),
        "failure.json": (directory.failure, Failure),
        "result.json": (directory.result, Result),
    }
    for file, (read, schema) in readers.items():
        try:
            content = _read(path, file, read, schema) or {}
        except ValueError:
            continue
        if set(IDENTITY_KEYS) <= set(content):
            return {key: content[key] for key in IDENTITY_KEYS}
    return {}


def read_config(path: Path) -> dict[str, Any]:
    """A run's configuration; ValueError if config.yaml is missing or damaged."""
    file = "config.yaml"
    content = _read(path, file, lambda: read_yaml(path / file), Config)
    if content is None:
        raise ValueError(f"{file}: is missing")
    # In the table of runs a `top1` in here would pass for the result of a run that has none.
    for key in content:
        if key in Result.model_fields and key not in Config.model_fields:
            raise ValueError(f"{file}: {key}: is a key of result.json")
    return content


def check_same_run(result: dict[str, Any], config: dict[str, Any]) -> None:
    """ValueError if result and configuration differ in a key that both have."""
    for key in ("seed", "epochs"):
        if result[key] != config[key]:
            raise ValueError(f"result.json: {key}={result[key]}: config.yaml says {config[key]}")


def _read(path: Path, file: str, read: Callable[[], Any], schema: type[Schema]) -> Any:
    """The validated content of a file, None without it; every error begins with the file's name."""
    try:
        if safe_path(path, file) is None:
            return None
        content = read()
    except OSError as error:
        raise ValueError(f"{file}: cannot be opened ({error.strerror})") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        message = printable(first_line(error))
        named = message if message.startswith(f"{file}: ") else f"{file}: {message}"
        raise ValueError(named) from None
    return validate(file, schema, content)
