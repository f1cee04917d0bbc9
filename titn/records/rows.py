"""A run directory as a flat row: what `titn.records.load` makes its table of. No torch here."""

from pathlib import Path
from typing import Any

from titn.records import schemas
from titn.system.errors import first_line
from titn.system.text import is_utf8, printable

# Dotted keys with their values.
Row = dict[str, Any]

# What a run says both of its configuration and in its record: that it is the same is checked.
SAID_TWICE = ("seed", "epochs", "config_hash", "source_digest")


def read_run(path: Path) -> Row:
    """A run directory as one flat row; `status` and `reason` say what there is of it."""
    if not is_utf8(str(path)):
        reason = "the name of the directory is not UTF-8; give it another"
        return {"path": printable(path), "status": "damaged", "reason": reason}
    row: Row = {"path": str(path), "status": "unfinished", "reason": None}
    try:
        said = schemas.read_run_files(path)
        row |= said.identity
        # What failed before its first step has left no configuration.
        if said.environment is not None:
            config = schemas.read_config(path)
            if said.result is not None:
                schemas.check_agree(said.result, config)
            row = _joined(row, "config.yaml", _described(config, said.environment))
        if said.result is not None:
            return _joined(row | {"status": "recorded"}, "result.json", _numbers(said.result))
        return row | _failed(said.failure)
    except ValueError as error:
        known = {"path": str(path)} | schemas.read_identity(path)
        return known | {"status": "damaged", "reason": first_line(error)}


def _joined(row: Row, file: str, more: Row) -> Row:
    """What one file adds to the others; ValueError for a key that says what another does."""
    for key in more:
        if key in row and key not in SAID_TWICE:
            raise ValueError(f"{file}: {key}: is not a key of this file")
    return row | more


def _described(content: dict, environment: dict) -> Row:
    """What a run is: its configuration and its environment."""
    for key in ("earlier", "config_hash", "source_digest"):
        environment.pop(key, None)
    choices = content.pop("choices", None) or {}
    teacher = content.get("teacher")
    # A record's `precision` is the macro average over classes.
    environment["precision"] = content.pop("precision", None)
    row: Row = {key: choices[key] for key in schemas.Choices.model_fields if key in choices}
    row["teacher"] = teacher["choices"]["model"] if teacher else "none"
    for node in (content, teacher or {}):
        node.pop("choices", None)
    return row | flat({**content, "environment": environment})


def _numbers(result: dict) -> Row:
    class_names = result.pop("class_names", None)
    return flat(result) | {"class_names": class_names}


def _failed(failure: dict | None) -> Row:
    if failure is None:
        return {}
    status = "diverged" if failure["kind"] == "diverged" else "failed"
    return {"status": status, "reason": failure["reason"]}


def flat(node: dict, prefix: str = "") -> Row:
    """A nested dict with dotted keys; a list stays a value."""
    row: Row = {}
    for key, value in node.items():
        if isinstance(value, dict):
            row |= flat(value, f"{prefix}{key}.")
        elif value is not None or prefix + key not in ("teacher", "dist"):
            row[prefix + key] = value
    return row
