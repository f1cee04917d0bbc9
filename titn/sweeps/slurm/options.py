"""The keys of hydra/launcher=slurm, checked. No torch here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from titn.config.annotations import Count, Text
from titn.config.schema import validate_value
from titn.config.spelling import as_typed
from titn.sweeps.launcher_keys import AUTO, KEY, mebibytes
from titn.system.errors import ConfigError

# Options that titn sets itself, or that would tear a cell's job apart.
OWN = {
    "array", "chdir", "dependency", "job-name", "kill-on-invalid-dep", "open-mode", "output",
    "requeue", "no-requeue", "signal", "parsable", "wrap", "ntasks", "nodes",
}  # fmt: skip
HAS_A_KEY = {
    "partition": "partition", "account": "account", "qos": "qos", "time": "time", "mem": "memory",
    "gres": "gpus", "gpus": "gpus", "cpus-per-task": "cpus",
}  # fmt: skip

# What the options take. A word is whatever a line of the script may have after an equality sign.
WORD = re.compile(r"[^\s\"'`$;&|<>\\#]+")
# Four weeks; more is a time of day that YAML has read as a number.
MAX_MINUTES = 28 * 24 * 60
CLOCK = re.compile(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?")
GPUS = re.compile(r"(?:[A-Za-z][\w.-]*:)?\d+")
# Before there is a checkpoint, a job loads torch and decodes its images.
START_SECS = 60


@dataclass(frozen=True, kw_only=True)
class SlurmOptions:
    """conf/hydra/launcher/slurm.yaml, checked.

    time: minutes of a job; None: by the estimate. memory: MiB; None: by calculation. gpus: as
    sbatch's --gres=gpu: takes it; None: by the partition.
    """

    detach: bool
    partition: str | None
    account: str | None
    qos: str | None
    time: int | None
    memory: int | None
    gpus: str | None
    cpus: int
    at_once: int | None
    signal_secs: int
    setup: tuple[str, ...]
    sbatch: Mapping[str, str | None]
    look_secs: float


def read_options(given: Mapping[str, Any]) -> SlurmOptions:
    """ConfigError, which names the key, for what the batch script could not say."""

    def value(key: str, annotation: Any) -> Any:
        return validate_value(given[key], annotation, f"{KEY}.{key}")

    signal_secs = value("signal_secs", Annotated[int, Field(ge=10, le=65535)])
    time = _minutes(given["time"])
    if time is not None and time * 60 < signal_secs + START_SECS:
        raise ConfigError(
            f"{KEY}.time={as_typed(given['time'])}: leaves a job less than {START_SECS} s before "
            f"it is told to save ({KEY}.signal_secs={signal_secs}); give more time"
        )
    return SlurmOptions(
        detach=value("detach", bool),
        partition=_word("partition", given),
        account=_word("account", given),
        qos=_word("qos", given),
        time=time,
        memory=mebibytes(given["memory"]),
        gpus=_gpus(given["gpus"]),
        cpus=value("cpus", Count),
        at_once=value("at_once", Count | None),
        signal_secs=signal_secs,
        setup=tuple(_setup(value("setup", list[Text]))),
        sbatch=_others(given["sbatch"]),
        look_secs=value("look_secs", Annotated[float, Field(ge=0.1, le=3600)]),
    )


def _minutes(given: Any) -> int | None:
    """Of a time as sbatch takes it, rounded up; None for auto."""
    if given == AUTO:
        return None
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        if given > MAX_MINUTES:
            raise ConfigError(
                f"{KEY}.time={given}: would be {given / 1440:.0f} days; in a file YAML reads "
                'time: 12:00:00 as the number 43200, so write time: "12:00:00", in quotes'
            )
        return given
    if isinstance(given, str) and (match := CLOCK.fullmatch(given)):
        days, first, second, third = match.groups()
        if third is None and days is None:  # sbatch's MINUTES:SECONDS
            secs = int(first) * 60 + int(second)
        else:
            secs = (int(days or 0) * 24 + int(first)) * 3600 + int(second) * 60 + int(third or 0)
        if secs:
            return -(-secs // 60)
    raise ConfigError(
        f"{KEY}.time={as_typed(given)}: should be minutes, HOURS:MINUTES:SECONDS, "
        "DAYS-HOURS:MINUTES:SECONDS, or auto"
    )


def _gpus(given: Any) -> str | None:
    if given == AUTO:
        return None
    if isinstance(given, bool) or not GPUS.fullmatch(str(given)):
        raise ConfigError(
            f"{KEY}.gpus={as_typed(given)}: should be a number, TYPE:NUMBER as a100:1, or auto"
        )
    return str(given)


def _word(key: str, given: Mapping[str, Any]) -> str | None:
    value = given[key]
    if value is None:
        return None
    text = validate_value(str(value) if isinstance(value, int) else value, Text, f"{KEY}.{key}")
    if not WORD.fullmatch(text):
        raise ConfigError(f"{KEY}.{key}={as_typed(text)}: should be one word without quotes")
    return text


def _setup(lines: Sequence[str]) -> Sequence[str]:
    for line in lines:
        if "\n" in line or line.lstrip().startswith("#SBATCH"):
            raise ConfigError(
                f"{KEY}.setup: {as_typed(line)} is no line of a shell; an option of sbatch is "
                f"+{KEY}.sbatch.NAME=VALUE"
            )
    return lines


def _others(given: Any) -> dict[str, str | None]:
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"{KEY}.sbatch={as_typed(given)}: should be options with their values; write "
            f"+{KEY}.sbatch.NAME=VALUE"
        )
    options: dict[str, str | None] = {}
    for key, value in given.items():
        name = str(key).replace("_", "-")
        if not re.fullmatch(r"[a-z][a-z0-9-]+", name):
            raise ConfigError(f"{KEY}.sbatch.{key}: should be a long option of sbatch, without --")
        if name in HAS_A_KEY:
            raise ConfigError(f"{KEY}.sbatch.{key}: is {KEY}.{HAS_A_KEY[name]}; set that")
        if name in OWN:
            raise ConfigError(f"{KEY}.sbatch.{key}: is set by titn for every job; leave it out")
        if value is not None and not WORD.fullmatch(str(value)):
            raise ConfigError(
                f"{KEY}.sbatch.{key}={as_typed(value)}: should be one word without quotes"
            )
        options[name] = None if value is None else str(value)
    return options
