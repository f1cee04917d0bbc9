"""What can go wrong on the user's side."""


class ConfigError(ValueError):
    """Bad input: one line that names the key, the value and the remedy. Exit code 2."""


class CellError(RuntimeError):
    """A cell could not be finished; its failure is recorded. Exit code 1."""
