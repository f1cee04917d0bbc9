"""What a report has written into a directory: the next one replaces that, and nothing else.

DIR/report.json names each file with a digest of its text, and each question's page with its title
and the config_hash of its records. A file may have two digests, with a space between them, if a
report was killed while it replaced files.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from titn.reporting.method.page import NAME as METHOD
from titn.reporting.pages import Page
from titn.system.errors import ConfigError, file_error_text
from titn.system.files import replacing, write_text
from titn.system.locks import Lock
from titn.system.text import counted, printable

MANIFEST, LOCK = "report.json", ".report.lock"
# What the index of a report says that was written before reports had manifests.
SIGNATURE = "Written by `python -m titn.report`"
ENDS = (".md", ".csv", ".svg", ".tex")
DIGITS = 16
NAMED = 3  # files in a message; of the others it gives the number


class WrittenPage(BaseModel):
    """A question's page. records: the config_hash of each."""

    title: str
    records: tuple[str, ...]


class Manifest(BaseModel):
    """files: path -> digest. pages: a question's name -> its page."""

    files: dict[str, str] = {}
    pages: dict[str, WrittenPage] = {}


def read_manifest(out: Path) -> Manifest:
    """An empty one where no report was written; ConfigError if it cannot be read."""
    try:
        text = (out / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Manifest(files=_written_before_manifests(out))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(out, error) from None
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise _unreadable(out, error) from None


def _unreadable(out: Path, error: Exception) -> ConfigError:
    said = file_error_text(error) if isinstance(error, OSError) else "it is damaged"
    return ConfigError(
        printable(f"--out {out}: {MANIFEST} cannot be read ({said}); put back a copy, or choose "
                  "another directory")
    )  # fmt: skip


def _written_before_manifests(out: Path) -> dict[str, str]:
    """The files of an older report, which its index gives away; none without such an index."""
    try:
        if SIGNATURE not in (out / "README.md").read_text(encoding="utf-8"):
            return {}
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: digest for name, digest in _digests(out).items() if name.endswith(ENDS)}


def kept_pages(out: Path, asked: Collection[str]) -> dict[str, str]:
    """Name -> title of an earlier report's pages that this one has not, and that are still there.

    asked: the names of the pages of this report.
    """
    pages = read_manifest(out).pages
    return {
        name: pages[name].title
        for name in sorted(pages)
        if name not in asked and (out / f"{name}.md").is_file()
    }


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A directory inside `out` in which a report is put together before it is published.

    Those of reports that were killed are removed, a day later: until then another may be at work.
    """
    for left in out.glob(".report-*.tmp"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - 24 * 3600:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".report-", suffix=".tmp", dir=out) as directory:
        yield Path(directory)


def publish(stage: Path, out: Path, pages: Sequence[Page], present: Collection[str]) -> None:
    """Move the files of a report from `stage` to `out`, all of them or none.

    present: the names and config_hashes of all runs of this report.
    ConfigError if a file of the same name is not as a report wrote it, or if a page rests on
    records that are not present.
    """
    digests = _digests(stage)
    with _locked(out):
        earlier = read_manifest(out)
        _check_files(out, digests, earlier)
        _check_records(out, pages, present, earlier)
        own = {page.name: _written_page(page) for page in pages}
        written = Manifest(files=earlier.files | digests, pages=earlier.pages | own)
        both = {name: f"{earlier.files.get(name, '')} {digests[name]}".strip() for name in digests}
        _write(out, written.model_copy(update={"files": earlier.files | both}))
        for name in digests:
            _move(stage / name, out / name)
        for name in _left_over(out, pages, digests, earlier):
            (out / name).unlink()
            del written.files[name]
        _write(out, written)


def _digests(directory: Path) -> dict[str, str]:
    """Relative path -> digest, of all files at any depth."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): _digest(path) for path in files}


def _digest(file: Path) -> str:
    """Of a text, whatever the line ends that an editor or git gave it."""
    text = file.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha256(text).hexdigest()[:DIGITS]


def _check_files(out: Path, digests: Mapping[str, str], earlier: Manifest) -> None:
    """ConfigError that names what is in the way and was not written by a report."""
    foreign = [name for name, digest in digests.items() if _is_foreign(out, name, digest, earlier)]
    if foreign:
        raise ConfigError(
            printable(
                f"--out {out}: {_named(foreign)}: not as titn.report wrote "
                f"{'it' if len(foreign) == 1 else 'them'}, and would be replaced; "
                "name another directory, or move what is yours"
            )
        )


def _left_over(
    out: Path, pages: Sequence[Page], digests: Mapping[str, str], earlier: Manifest
) -> list[str]:
    """Tables and figures of an earlier report beside these pages, as it wrote them."""
    across = (f"{METHOD}-",) if f"{METHOD}.md" in digests else ()
    beside = (*(f"{page.name}/" for page in pages), *across)
    return [
        name
        for name, digest in earlier.files.items()
        if name.startswith(beside)
        and name.endswith((".csv", ".svg", ".tex"))
        and name not in digests
        if (out / name).is_file() and _digest(out / name) in digest.split()
    ]


def _is_foreign(out: Path, name: str, digest: str, earlier: Manifest) -> bool:
    path = out / name
    if any(os.path.lexists(place) and not place.is_dir() for place in _between(out, path)):
        return True
    if not os.path.lexists(path):
        return False
    if not path.is_file():
        return True
    found = _digest(path)
    return found != digest and found not in earlier.files.get(name, "").split()


def _between(out: Path, path: Path) -> list[Path]:
    """The directories below `out` that a file lies in."""
    return [place for place in path.parents if place.is_relative_to(out) and place != out]


def _check_records(
    out: Path, pages: Sequence[Page], present: Collection[str], earlier: Manifest
) -> None:
    """ConfigError if a page would lose records that are somewhere else."""
    lost = {
        page.path: len(set(earlier.pages[page.name].records).difference(present))
        for page in pages
        if page.name in earlier.pages and (out / page.path).is_file()
    }
    lost = {path: count for path, count in lost.items() if count}
    if lost:
        raise ConfigError(
            printable(
                f"--out {out}: {_named(list(lost))}: made from "
                f"{counted(sum(lost.values()), 'record')} that these runs lack; name their "
                "directory too, or another --out, or remove the page"
            )
        )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _written_page(page: Page) -> WrittenPage:
    hashes = {str(run["config_hash"]) for setting in page.settings for run in setting.evidence.runs}
    return WrittenPage(title=page.title, records=tuple(sorted(hashes)))


def _write(out: Path, manifest: Manifest) -> None:
    content = json.dumps(manifest.model_dump(), indent=1, sort_keys=True)
    write_text(out / MANIFEST, content + "\n")


def _move(staged: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(staged, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # A link leads to another disk.
        with replacing(target) as temporary:
            shutil.copyfile(staged, temporary)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """One report at a time."""
    lock = Lock(out / LOCK)
    lock.acquire()
    try:
        yield
    finally:
        lock.release(remove=True)
