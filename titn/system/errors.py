"""What can go wrong on the user's side, and how it is put."""

import errno


class ConfigError(ValueError):
    """Bad input: one line that names the key, the value and the remedy. Exit code 2."""


class CellError(RuntimeError):
    """A cell could not be finished; its failure is recorded. Exit code 1."""


def first_line(error: Exception | SystemExit) -> str:
    """What an exception of a library says, as far as it fits into a message of ours."""
    return (str(error) or type(error).__name__).splitlines()[0]


def error_text(error: Exception) -> str:
    """What the system says of a file, without its number and the name; else the first line."""
    return getattr(error, "strerror", None) or first_line(error)


def is_full(error: OSError) -> bool:
    """Whether there was no room on the disk."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def file_error_text(error: OSError) -> str:
    """What the system said, behind the name of the file."""
    return f"{error.filename}: {error_text(error)}" if error.filename else error_text(error)


def one_line(text: str) -> str:
    """The lines of a message joined; Hydra's pointer to its own manual left out."""
    lines = (line.strip() for line in text.splitlines())
    return "; ".join(
        line for line in lines if line and not line.startswith(("See https", "full_key"))
    )
