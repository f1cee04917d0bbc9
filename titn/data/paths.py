"""Checks of the files and names of a data set, and plain messages for what is wrong with them."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from titn.system.errors import error_text
from titn.system.text import is_utf8, printable

# A record stores a class in 16 bits.
MAX_CLASSES = 2**15


@contextmanager
def explain_read_errors(root: str | Path) -> Iterator[None]:
    """Turn errors of reading what lies under `root` into a ValueError with a printable line."""
    try:
        yield
    except MemoryError:
        raise ValueError(
            printable(f"root={root}: is more than fits into the memory; give fewer images")
        ) from None
    except OSError as error:
        place = "" if error.filename is None else f"{os.fsdecode(error.filename)} "
        raise ValueError(
            printable(
                f"root={root}: {place}cannot be read ({error_text(error)}); "
                "repair it or give another"
            )
        ) from None
    except ValueError as error:
        raise ValueError(printable(error)) from None


def expand_root(root: str) -> Path:
    """The path of the directory that a user gives; ValueError if a record cannot store its name."""
    name = printable(root)
    if not is_utf8(root):
        raise ValueError(
            f"root={name}: is not UTF-8, so no record could name it; give it another name"
        )
    try:
        return Path(root).expanduser()
    except RuntimeError:
        raise ValueError(f"root={name}: there is no such user; give a directory") from None


def is_file(path: Path) -> bool:
    """Whether there is a file, or a link to one; OSError if the system does not say."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False


def why_not_a_file(path: Path) -> str | None:
    """The reason why a path cannot be opened as a file; None if it can.

    To be called before opening: opening a pipe would wait for somebody to write to it.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError:
        return "there can be no such name"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link that leads in circles"
        if error.errno == errno.ENOENT and path.is_symlink():
            return "a link that leads nowhere"
        return error.strerror
    if stat.S_ISDIR(mode):
        return os.strerror(errno.EISDIR)
    return None if stat.S_ISREG(mode) else "not a file"


def check_class_names(names: tuple[str, ...]) -> None:
    """ValueError if a record cannot store these classes.

    Its message begins with a verb; the caller puts what has the classes before it.
    """
    if len(names) > MAX_CLASSES:
        raise ValueError(f"has {len(names)} classes; {MAX_CLASSES} are the most")
    known: set[str] = set()
    for name in names:
        if name in known:
            raise ValueError(f"has two classes {name}; give each a name of its own")
        if not is_utf8(name):
            raise ValueError(
                f"has a class {name}, which is not UTF-8, so no record could name it; rename it"
            )
        known.add(name)
