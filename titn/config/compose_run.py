"""The checked configuration of a command that does not run Hydra's main, such as titn.bench."""

from titn.config.checks import check_memory
from titn.config.compose import compose_config
from titn.config.hydra_errors import explaining
from titn.config.resolve import resolve


def compose_run(overrides: list[str]) -> dict:
    """The checked configuration of overrides, outside of Hydra's main; ConfigError if they are bad.

    Without Hydra's names of the choices, which a cell's record would carry, and for commands that
    build its networks: on this machine.
    """
    with explaining(["--run", "--", *overrides]):
        content = compose_config(overrides)
    run = resolve(content)
    check_memory(run)
    if run["teacher"] is not None:
        check_memory(run["teacher"], "teacher.")
    return run
