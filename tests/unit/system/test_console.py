"""Tables, exit codes, argument types."""

import argparse
import csv
import io
import sys
from importlib import metadata

import pytest

from titn.config.constraints import check_device_name
from titn.system import console
from titn.system.errors import CellError, ConfigError

COLUMNS = ("name", "count")
ROWS = [("a, b", "7"), ("longer", "12"), ("none", "")]


def test_a_pipe_gets_csv(capsys):
    console.print_table(COLUMNS, ROWS)
    read = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert read == [list(COLUMNS), *map(list, ROWS)]


def test_a_terminal_gets_a_table_with_numbers_to_the_right(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    console.print_table(COLUMNS, ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "name    count",
        "a, b        7",
        "longer     12",
        "none",
    ]


def test_a_terminal_is_not_moved_by_what_a_table_shows(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    console.print_table(("name",), [("a\x1b[2J",)])
    assert capsys.readouterr().out == "name\na\\x1b[2J\n"


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

    assert console.run_command(job) == code
    assert capsys.readouterr().err == line


def test_a_complaint_is_one_line_of_printable_text(capsys):
    console.complain("x=\x1b[31m\n\udcff\u202e: no", 2)
    assert capsys.readouterr().err == "titn: x=\\x1b[31m\\n\\udcff\\u202e: no\n"


def test_a_long_complaint_keeps_its_key_and_its_remedy(capsys):
    console.complain(f"key={'v' * 100_000}: should be less; choose one", 2)
    said = capsys.readouterr().err
    assert said.startswith("titn: key=vvv")
    assert said.endswith("vvv: should be less; choose one\n")
    assert len(said) < 2100


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--no"], "--no: there is no such option; --help lists them"),
        (["--top", "0"], "--top 0: should be a whole number, 1 or more; --help says more"),
        (["--top"], "--top expected one argument; --help says more"),
        (["--top", "1", "a"], "a: more than this command takes; --help says more"),
        ([], "the following arguments are required: --top; --help says more"),
    ],
)
def test_bad_arguments_are_one_line(capsys, arguments, line):
    parser = console.Arguments("titn.test")
    parser.add_argument("--top", type=console.whole_number(1), required="--no" not in arguments)
    with pytest.raises(SystemExit) as left:
        parser.parse_args(arguments)
    assert (left.value.code, capsys.readouterr().err) == (2, f"titn: {line}\n")


@pytest.mark.parametrize("text", ["11", "9" * 5000])
def test_a_whole_number_may_be_too_large(text):
    with pytest.raises(argparse.ArgumentTypeError, match="should be a whole number, 10 or less"):
        console.whole_number(1, 10)(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-1e-9", "1e300", "", "x"])
def test_a_number_is_not_negative_and_not_endless(text):
    with pytest.raises(argparse.ArgumentTypeError, match="should be a number from 0 to 1000000"):
        console.non_negative_number(text)


def test_a_number_is_given():
    assert console.non_negative_number("1e-6") == 1e-6


def test_a_device_that_no_machine_has_is_a_bad_argument():
    with pytest.raises(argparse.ArgumentTypeError, match=r"^tpu: choose auto, cpu, cuda"):
        console.checked("device", check_device_name)("tpu")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", ""])
def test_a_whole_number_is_asked_for(text):
    with pytest.raises(argparse.ArgumentTypeError, match="should be a whole number, 1 or more"):
        console.whole_number(1)(text)


def test_a_whole_number_is_given():
    assert console.whole_number(1)("12") == 12


def test_a_command_says_its_version(capsys):
    with pytest.raises(SystemExit) as left:
        console.Arguments("titn.test").parse_args(["--version"])
    assert (left.value.code, capsys.readouterr().out) == (0, f"titn {metadata.version('titn')}\n")


def test_modules_are_found_in_the_working_directory_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/elsewhere"])
    for _ in range(2):
        assert console.run_command(lambda: 0) == 0
    assert sys.path == ["/elsewhere", str(tmp_path)]


def test_a_working_directory_that_is_gone_is_said(tmp_path, monkeypatch, capsys):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert console.run_command(lambda: 0) == 2
    assert capsys.readouterr().err.startswith("titn: the working directory is gone; ")


def test_a_tilde_after_an_equals_sign_is_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert console.given_path("~/x") == tmp_path / "x"


def test_a_home_of_nobody_is_named():
    with pytest.raises(argparse.ArgumentTypeError, match=r"^~nobody\.here: there is no user"):
        console.given_path("~nobody.here")
