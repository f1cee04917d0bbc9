"""What a command line says of an ablation, before Hydra composes it and knows its keys."""

from collections.abc import Sequence

from titn.config.overrides import override_key
from titn.records.ablation import FROM, TO
from titn.system.errors import ConfigError

ABLATE = "ablate"


def check_typed(overrides: Sequence[str]) -> None:
    """ConfigError for several designs, for `from` and `to` without one, and for no lists."""
    values = {override_key(one): one.partition("=")[2] for one in overrides}
    if "," in values.get(ABLATE, ""):
        design = values[ABLATE].partition(",")[0]
        raise ConfigError(f"+{ABLATE}={values[ABLATE]}: one design at a time; +{ABLATE}={design}")
    for key in (FROM, TO):
        value = values.get(key)
        if value is None or value == "null":
            continue
        if ABLATE not in values:
            raise ConfigError(
                f"{key}={value}: is for an ablation; add --multirun +{ABLATE}=leave_one_out"
            )
        if value[:1] != "[":
            raise ConfigError(f"{key}={value}: should be a list of overrides; '{key}=[{value}]'")
    ties = values.get("ties", "[]")
    if ABLATE in values and ties != "[]" and ties[:2] != "[[":
        raise ConfigError(f"ties={ties}: should be a list of lists; ties=[[{ties.strip('[]')}]]")
