"""Files of a data set: what they are, their digest, and plain messages for what is wrong."""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from titn.system.errors import error_text
from titn.system.files import local_path
from titn.system.text import is_utf8, printable

LFS_START = b"version https://git-lfs.github.com/"
LFS_POINTER = "a Git LFS pointer; `git lfs pull` fetches the file"


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
        return local_path(root)
    except ValueError:
        raise ValueError(f"root={name}: there is no such user; give a directory") from None


def is_file(path: Path) -> bool:
    """Whether there is a file, or a link to one; OSError if the system does not say."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False


def is_lfs_pointer(source: Path | bytes) -> bool:
    """Whether a file, or its content, only says where Git LFS has the file."""
    if isinstance(source, bytes):
        return source.startswith(LFS_START)
    try:
        with open(source, "rb") as content:
            return content.read(len(LFS_START)) == LFS_START
    except OSError:
        return False


def is_directory(path: Path) -> bool:
    """Whether there is a directory, or a link to one; OSError if the system does not say.

    Path.is_dir says no, in some versions of Python, also where it may not look.
    """
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise


def content_digests(files: Iterable[Path]) -> list[str]:
    """SHA-256 of what is in each file, in their order; with a bar if it takes long.

    Of the content and not of sizes and times, which two files can share. Of what cannot be read
    the reason: whoever decodes it says so (`is_of_content`).
    """
    bar = tqdm(files, desc="reading", unit="file", disable=None, leave=False, delay=2)
    return [_content_digest(file) for file in bar]


def _content_digest(file: Path) -> str:
    if reason := why_not_a_file(file):
        return reason
    try:
        with open(file, "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        return error_text(error)


EMPTY = hashlib.sha256().hexdigest()


def is_of_content(digest: str) -> bool:
    """Whether a digest is of something: not of an empty file, and not why there is none."""
    return digest != EMPTY and re.fullmatch("[0-9a-f]{64}", digest) is not None


def check_unchanged(root: Path, before: str, digest: Callable[[], str]) -> None:
    """ValueError if the digest of the files under `root` is no longer what it was."""
    if digest() != before:
        raise ValueError(
            printable(
                f"root={root}: its files changed while they were read; "
                "start again when nothing writes to them"
            )
        )


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
