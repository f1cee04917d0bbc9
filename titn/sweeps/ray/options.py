"""The keys of hydra/launcher=ray, checked. Neither torch nor Ray here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from titn.config.annotations import Count, Text
from titn.config.schema import validate_value
from titn.config.spelling import as_typed
from titn.sweeps.launcher_keys import AUTO, KEY, mebibytes
from titn.system.errors import ConfigError

ADDRESS = re.compile(r"auto|[^\s:/]+:\d{1,5}|\[[\da-fA-F:]+\]:\d{1,5}")


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """conf/hydra/launcher/ray.yaml, checked.

    address: None: a Ray is started. gpus: None: by the plan. memory: MiB; None: by calculation.
    """

    address: str | None
    cpus: int
    gpus: float | None
    memory: int | None
    at_once: int | None
    retries: int


def read_options(given: Mapping[str, Any]) -> RayOptions:
    """ConfigError, which names the key, for what Ray would not take."""

    def value(key: str, annotation: Any) -> Any:
        return validate_value(given[key], annotation, f"{KEY}.{key}")

    return RayOptions(
        address=_address(value("address", Text | None)),
        cpus=value("cpus", Count),
        gpus=_gpus(given["gpus"]),
        memory=mebibytes(given["memory"]),
        at_once=value("at_once", Count | None),
        retries=value("retries", Annotated[int, Field(ge=0, le=1000)]),
    )


def _address(given: str | None) -> str | None:
    if given is None or given == "local":
        return None
    if given.startswith("ray://"):
        raise ConfigError(
            f"{KEY}.address={given}: is Ray's client, which sees no disk of the cluster; give the "
            f"command on one of its nodes, with {KEY}.address=auto"
        )
    if not ADDRESS.fullmatch(given):
        raise ConfigError(
            f"{KEY}.address={as_typed(given)}: should be HOST:PORT, as ray start prints it, or auto"
        )
    return given


def _gpus(given: Any) -> float | None:
    if given == AUTO:
        return None
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    # Of a GPU Ray gives parts, of several none.
    if is_number and (0 <= given <= 1 or (given == int(given) and 1 < given <= 1024)):
        return float(given)
    raise ConfigError(
        f"{KEY}.gpus={as_typed(given)}: should be a whole number, a part of one GPU as 0.25, or "
        "auto"
    )
