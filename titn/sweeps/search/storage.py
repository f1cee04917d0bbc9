"""Where a study is kept: a journal beside its sweep, or a database, which processes share."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy.exc import SQLAlchemyError

from titn.records.search import Search
from titn.system.errors import ConfigError, first_line
from titn.system.locks import HeldError, Lock
from titn.system.text import without_password

JOURNAL = "journal.log"
# A journal is locked for milliseconds.
LOCK_SECS = 60.0
CONNECT_SECS = 10


class _SystemLock(JournalFileSymlinkLock):
    """A lock that comes free when its process dies; HeldError where it does not."""

    def __init__(self, path: Path):
        self.path = path

    def acquire(self) -> bool:
        lock = Lock(self.path)
        lock.acquire(LOCK_SECS)
        self.lock = lock  # of the one thread that has it
        return True

    def release(self) -> None:
        self.lock.release()


class StudyStorage:
    """The storage of a search in its directory. ConfigError where it cannot be used."""

    def __init__(self, directory: Path, search: Search):
        self.directory, self.search = directory, search
        with self.alone():
            self.storage = self._open()

    @property
    def journal(self) -> Path:
        return self.directory / JOURNAL

    @property
    def place(self) -> str:
        """Where the study is, without the password of a database."""
        return place_of(self.directory, self.search)

    def trial_id(self, study: str, number: int) -> int:
        """What the storage calls a trial of a study."""
        study_id = self.storage.get_study_id_from_name(study)
        return self.storage.get_trial_id_from_study_id_trial_number(study_id, number)

    def _open(self) -> BaseStorage:
        if self.search.storage is None:
            lock = _SystemLock(self.directory / ".journal.lock")
            return JournalStorage(JournalFileBackend(str(self.journal), lock_obj=lock))
        try:
            return RDBStorage(self.search.storage, engine_kwargs=_engine(self.search.storage))
        except ImportError as error:
            raise ConfigError(
                f"search.storage={self.place}: {first_line(error)}; install the driver of this "
                "database, as psycopg[binary] for postgresql+psycopg://"
            ) from None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time asks or tells."""
        with self.errors_named():
            self.directory.mkdir(parents=True, exist_ok=True)
            with Lock(self.directory / ".study.lock", timeout=LOCK_SECS):
                yield

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        try:
            yield
        except (StorageInternalError, SQLAlchemyError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
            raise ConfigError(
                f"search.storage={self.place}: cannot be used "
                f"({first_line(cause)}); see that it runs, and the same command "
                "goes on"
            ) from None
        except HeldError as error:
            raise ConfigError(
                f"{error} for longer than {LOCK_SECS:.0f} s; "
                "end that process, and the same command goes on"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{self.directory}: cannot be written ({error.strerror}); choose runs_dir=DIR"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, AssertionError) as error:
            if self.search.storage is not None:
                raise ConfigError(
                    f"search.storage={self.place}: its study is not there or not whole "
                    f"({first_line(error)}); the same command begins it anew, and recorded cells "
                    "are told again without being run"
                ) from None
            raise ConfigError(
                f"{self.journal}: is damaged ({first_line(error)}); put back a copy, or remove it: "
                "recorded cells are told again without being run"
            ) from None


def _engine(address: str) -> dict[str, Any]:
    """How a database is reached: a connection that it has closed since the last trial, as when it
    was started anew, is opened again; of a PostgreSQL that does not answer not minutes are waited.
    """
    wait = {"connect_timeout": CONNECT_SECS} if address.startswith("postgresql") else {}
    return {"pool_pre_ping": True, "connect_args": wait}


def place_of(directory: Path, search: Search) -> str:
    """The journal of a study, or its database without a password."""
    if search.storage is None:
        return str(directory / JOURNAL)
    return without_password(search.storage)
