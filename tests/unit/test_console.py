"""Tables, exit codes, argument types."""

import argparse
import csv
import io
import subprocess
import sys

import pytest

from titn import console
from titn.errors import CellError, ConfigError

COLUMNS = ("name", "count")
ROWS = [("a, b", "7"), ("longer", "12"), ("none", "")]


def test_a_pipe_gets_csv(capsys):
    console.show(COLUMNS, ROWS)
    read = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert read == [list(COLUMNS), *map(list, ROWS)]


def test_a_terminal_gets_a_table_with_numbers_to_the_right(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    console.show(COLUMNS, ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "name    count",
        "a, b        7",
        "longer     12",
        "none",
    ]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("epochs=x: no"), 2, "titn: epochs=x: no\n"),
        (CellError("it failed"), 1, "titn: it failed\n"),
        (KeyboardInterrupt(), 130, "titn: interrupted\n"),
    ],
)
def test_what_is_raised_becomes_a_line_and_a_code(capsys, error, code, line):
    def job():
        raise error

    assert console.answered(job) == code
    assert capsys.readouterr().err == line


def test_a_reader_that_has_seen_enough_is_no_error():
    code = (
        "import sys; from titn import console\n"
        "rows = [('x' * 100,)] * 10000\n"
        "sys.exit(console.answered(lambda: console.show(('a',), rows) or 0))"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == b""
    assert writer.wait() == 0


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", ""])
def test_a_whole_number_is_asked_for(text):
    with pytest.raises(argparse.ArgumentTypeError, match="should be a whole number, 1 or more"):
        console.whole(1)(text)


def test_a_whole_number_is_given():
    assert console.whole(1)("12") == 12
