"""The same study in PostgreSQL: Debian's server, started for this file on loopback."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from titn.records.search import Search
from titn.sweeps.search import study
from titn.sweeps.search.space import read_space
from titn.sweeps.search.study import StudyFile
from titn.system.errors import ConfigError
from titn.system.ports import free_port

SPACE = {"lr": "tag(log, interval(1e-4, 1e-2))", "model": "choice(a,b)"}


class Server:
    """A server that belongs to nobody where the tests are root's, as it refuses to be root's."""

    def __init__(self, programs: Path, home: Path):
        self.programs, self.home = programs, home
        self.port = free_port()
        self.user: dict[str, object] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
            self.user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._run("initdb", "-U", "titn", "-A", "trust", "--no-sync")

    @property
    def address(self) -> str:
        return f"postgresql+psycopg://titn:secret@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.home} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-w", "-l", str(self.home / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [self.programs / program, "-D", self.home / "data", *arguments]
        subprocess.run(
            command, check=True, cwd=self.home, stdout=subprocess.DEVNULL, timeout=60, **self.user
        )  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'psycopg[binary]'")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs PostgreSQL: apt-get install -y postgresql")
    # The path of its socket has to be short.
    home = Path(tempfile.mkdtemp(prefix="pg"))
    started = Server(found[-1].parent, home)
    started.start()
    yield started
    started.stop()
    shutil.rmtree(home)


def open_study(directory: Path, server: Server, **more) -> StudyFile:
    asked = {"title": "T", "asks": "A", "space": SPACE, "trials": 4, "storage": server.address}
    search = Search(**asked | more)
    return StudyFile(directory, directory.name, search, read_space(search), {"space": 1})


def test_a_study_has_the_trials_that_it_has_in_a_journal(tmp_path, server):
    def run(found: StudyFile) -> list[dict]:
        chosen = []
        while (trial := found.ask()) is not None:
            found.tell(trial.number, study.COMPLETE, [trial.chosen["lr"]])
            chosen.append(trial.chosen)
        return chosen

    in_journal = run(open_study(tmp_path / "journal", server, storage=None))
    assert run(open_study(tmp_path / "database", server)) == in_journal


def test_workers_on_machines_without_a_common_disk_share_the_total(tmp_path, server):
    first, second = (open_study(tmp_path / one / "shared", server) for one in ("a", "b"))
    asked = [worker.ask() for worker in (first, second, first, second)]
    assert [trial.number for trial in asked] == [0, 1, 2, 3]
    assert (first.ask(), second.ask()) == (None, None)


def test_a_server_that_stops_is_named_without_the_password_and_nothing_is_lost(tmp_path, server):
    found = open_study(tmp_path / "stopped", server)
    number = found.ask().number
    server.stop()
    with pytest.raises(ConfigError, match="see that it runs, and the same command goes on") as one:
        found.tell(number, study.COMPLETE, [0.5])
    server.start()
    assert str(one.value).startswith("search.storage=postgresql+psycopg://titn@127.0.0.1:")
    assert "secret" not in str(one.value)
    assert "\n" not in str(one.value)

    # The worker that was there goes on as one that comes anew does.
    found.tell(number, study.COMPLETE, [0.5])
    assert open_study(tmp_path / "stopped", server).best()[0].value == 0.5


def test_a_server_that_was_started_anew_between_two_trials_is_reached_again(tmp_path, server):
    found = open_study(tmp_path / "anew", server)
    number = found.ask().number
    server.stop()
    server.start()
    found.tell(number, study.COMPLETE, [0.5])
    assert found.best()[0].number == number
