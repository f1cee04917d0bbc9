"""Files that are whole or not there, whatever happens while they are written."""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from titn.system.errors import ConfigError, error_text
from titn.system.text import printable

TEMPORARY = ".tmp"


# No file or directory can be made below it.
NOWHERE = Path(os.devnull)


def cache_dir() -> Path:
    """$TITN_CACHE, or the user's cache directory: what is there can be made again.

    Without either, as for a user whom a container does not know, a place where nothing can be
    written: whoever tries says so, and goes on without.
    """
    if chosen := os.environ.get("TITN_CACHE"):
        return Path(os.path.expanduser(chosen))
    try:
        place = Path(platformdirs.user_cache_dir("titn"))
    except RuntimeError:  # there is no home directory
        return NOWHERE / "titn"
    return place if place.is_absolute() else NOWHERE / "titn"


def expand_home(text: str) -> str:
    """A path as it was typed, with the home directory in place of ~.

    Raises ValueError for the home of a user whom the system does not know.
    """
    if not text.startswith("~"):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        raise ValueError(f"there is no user {Path(text).parts[0][1:]} here") from None


def local_path(text: str) -> Path:
    """The path that a user gives, never an address; see `expand_home`."""
    return Path(expand_home(text))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path`, with no file yet; what is written there takes the place of `path`.

    It is on the disk before it is renamed, and so is the new name at the end: after a kill or a
    power cut there is the old file or the new one. If writing fails nothing is left behind.
    """
    # Not by the number of the process, which one of another host or container may have as well.
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(6)}{TEMPORARY}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_text(path: Path, text: str) -> None:
    """UTF-8; a reader sees the old text or the new."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sync_directory(directory: Path) -> None:
    """What was renamed or removed in it stays so after a power cut; only POSIX can be asked."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems cannot: then the rename alone has to do
    finally:
        os.close(descriptor)


def see_what_others_wrote(directory: Path) -> None:
    """Ask a network's file system anew what is in a directory.

    A client of NFS keeps for up to a minute that a file is not there; to open the directory makes
    it compare with the server (close-to-open consistency).
    """
    with suppress(OSError):
        os.scandir(directory).close()


def remove_leftovers(directory: Path, older_than_secs: float = 0.0) -> None:
    """Temporary files of processes that were killed while they wrote.

    older_than_secs: where others may be writing now, so old that nobody still is.
    """
    before = time.time() - older_than_secs
    for file in directory.glob(f"*{TEMPORARY}"):
        with suppress(OSError):
            if file.stat().st_mtime <= before:
                file.unlink()


def check_can_be_listed(directory: Path, named: str = "") -> None:
    """ConfigError if the system does not say what is in a directory: it is not an empty one.

    named: what a message calls it, if not by its path alone.
    """
    try:
        os.scandir(directory).close()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(
            f"{printable(named or directory)}: cannot be listed ({error_text(error)}); "
            "ask its owner, or name another"
        ) from None


def check_can_be_made(directory: Path, key: str) -> None:
    """ConfigError that begins with the key if something else is where a directory has to be."""
    there = _nearest(directory)
    if not there.is_dir():
        raise ConfigError(
            f"{key}={directory}: cannot be written ({there} is no directory); choose another "
            "directory"
        )


def check_writable(directory: Path) -> None:
    """OSError if the user may write nothing there, or cannot make it; nothing is written."""
    there = _nearest(directory)
    if not os.access(there, os.W_OK | os.X_OK):
        is_read_only = os.name == "posix" and os.statvfs(there).f_flag & os.ST_RDONLY
        number = errno.EROFS if is_read_only else errno.EACCES
        raise OSError(number, os.strerror(number), str(there))


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest above it that is there."""
    return next(one for one in (path, *path.parents) if os.path.lexists(one))
