"""A run directory as a flat row of the table that `titn.records.load` returns. No torch here."""

from pathlib import Path
from typing import Any

from titn.records.cell_state import STOPPED, done_state, ended_state
from titn.records.run_files import check_same_run, read_config, read_identity, read_run_files
from titn.records.schemas import Choices
from titn.system.errors import first_line
from titn.system.text import is_utf8, printable

# Dotted keys with their values.
Row = dict[str, Any]

# Keys that several files of a run have; `check_same_run` and `read_run_files` compare them.
SHARED_KEYS = ("seed", "epochs", "config_hash", "source_digest")


def read_row(path: Path) -> Row:
    """A run directory as one flat row.

    status: recorded, stopped early, pruned, diverged, failed, unfinished or damaged; `reason`
    explains all but the first.
    """
    if not is_utf8(str(path)):
        reason = "the name of the directory is not UTF-8; give it another"
        return {"path": printable(path), "status": "damaged", "reason": reason}
    row: Row = {"path": str(path), "status": "unfinished", "reason": None}
    try:
        files = read_run_files(path)
        row |= files.identity
        # A run that failed before its first step has no configuration.
        if files.environment is not None:
            config = read_config(path)
            if files.result is not None:
                check_same_run(files.result, config)
            row = _merge(row, "config.yaml", _config_columns(config, files.environment))
        if files.result is not None:
            row = row | _done_columns(files.result)
            return _merge(row, "result.json", _result_columns(files.result))
        return row | _failure_columns(files.failure)
    except ValueError as error:
        known = {"path": str(path)} | read_identity(path)
        return known | {"status": "damaged", "reason": first_line(error)}


def _merge(row: Row, file: str, columns: Row) -> Row:
    """The row with the columns of one more file; ValueError if another file has one of them."""
    for key in columns:
        if key in row and key not in SHARED_KEYS:
            raise ValueError(f"{file}: {key}: is not a key of this file")
    return row | columns


def _config_columns(config: dict, environment: dict) -> Row:
    """The configuration, the choices by name, and the environment as `environment.*`."""
    for key in ("config_hash", "source_digest"):
        environment.pop(key, None)
    if not environment.get("earlier"):
        environment.pop("earlier", None)
    choices = config.pop("choices", None) or {}
    teacher = config.get("teacher")
    # In the record, `precision` is the macro average over classes.
    environment["precision"] = config.pop("precision", None)
    row: Row = {key: choices[key] for key in Choices.model_fields if key in choices}
    row["teacher"] = teacher["choices"]["model"] if teacher else "none"
    for node in (config, teacher or {}):
        node.pop("choices", None)
    return row | flatten({**config, "environment": environment})


def _result_columns(result: dict) -> Row:
    class_names = result.pop("class_names", None)
    return flatten(result) | {"class_names": class_names}


def _done_columns(result: dict) -> Row:
    state = done_state(result)
    reason = None
    if state == STOPPED:
        reason = f"stopped after {result['stopped_after']} of {result['epochs']} epochs (patience)"
    return {"status": state, "reason": reason}


def _failure_columns(failure: dict | None) -> Row:
    if failure is None:
        return {}
    return {"status": ended_state(failure), "reason": failure["reason"]}


def flatten(node: dict, prefix: str = "") -> Row:
    """A nested dict with its keys joined by dots; a list stays one value."""
    row: Row = {}
    for key, value in node.items():
        if isinstance(value, dict):
            row |= flatten(value, f"{prefix}{key}.")
        elif value is not None or prefix + key not in ("teacher", "dist"):
            row[prefix + key] = value
    return row
