"""What is printed may be lost; the work is not, and its exit code is its own."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

BEGIN = "import sys; from titn.system import console\n"


@pytest.fixture(autouse=True, params=["", "1"], ids=["buffered", "unbuffered"])
def buffering(request, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param)


def ends(work: str, redirected: str = "", **options) -> subprocess.CompletedProcess:
    """How a command ends whose work, a Python expression, is run with its streams redirected."""
    code = f"{BEGIN}sys.exit(console.run_command(lambda: {work}))"
    shell = f'exec "{sys.executable}" -c "$0" {redirected}'
    return subprocess.run(["sh", "-c", shell, code], capture_output=True, text=True, **options)


@pytest.mark.parametrize(
    "redirected", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", "2</dev/null"]
)
def test_work_goes_on_whatever_its_streams_are(tmp_path, redirected):
    work = (
        "(print('out', flush=True), print(sys.stderr.isatty(), file=sys.stderr, flush=True), "
        "open('done', 'w').close(), 3)[-1]"
    )
    assert ends(work, redirected, cwd=tmp_path).returncode == 3
    assert (tmp_path / "done").exists()


def test_no_file_gets_the_number_of_a_closed_stream():
    assert ends("7 if open('/dev/null').fileno() > 2 else 9", "<&- >&- 2>&-").returncode == 7


def test_a_process_that_is_started_has_all_streams():
    child = "import os; [os.fstat(n) for n in (0, 1, 2)]"
    work = f"__import__('subprocess').call([sys.executable, '-c', '{child}'], close_fds=False)"
    assert ends(work, "<&- >&- 2>&-").returncode == 0


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_reader_that_has_seen_enough_leaves_the_exit_code(code):
    work = f"(print('x' * 10_000_000), {code})[1]"
    shell = f'{{ "{sys.executable}" -c "$0"; echo $? >&2; }} | head -c 1'
    command = f"{BEGIN}sys.exit(console.run_command(lambda: {work}))"
    done = subprocess.run(["sh", "-c", shell, command], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("x", f"{code}\n")


@pytest.mark.parametrize(("code", "ended"), [(0, 1), (2, 2)])
def test_a_full_disk_under_standard_output_is_one_line(code, ended):
    done = ends(f"print('x') or {code}", ">/dev/full")
    assert (done.returncode, done.stderr) == (
        ended,
        "titn: standard output: No space left on device; give it another place, and the same "
        "command prints it again\n",
    )


def test_help_that_does_not_fit_is_one_line():
    done = ends("console.Arguments('titn.test').parse_args(['--help'])", ">/dev/full")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_what_no_encoding_has_is_printed_escaped():
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = ends("print('café \\udcff') or print('é', file=sys.stderr) or 0", env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "caf\\xe9 \\udcff\n", "\\xe9\n")


def test_a_pipe_that_does_not_block_gets_everything():
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    code = f"{BEGIN}sys.exit(console.run_command(lambda: print('x' * 1_000_000) or 0))"
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=theirs)
    os.close(theirs)
    time.sleep(0.2)  # it has filled the pipe
    with open(ours) as pipe:
        assert len(pipe.read()) == 1_000_001
    assert writer.wait() == 0


def test_a_terminal_that_goes_is_no_error(tmp_path):
    """A run that hang-ups do not end, as under nohup, goes on when its terminal is closed."""
    pid, ours = pty.fork()
    if not pid:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        code = (
            f"{BEGIN}import time\ndef work():\n print('begun', flush=True); time.sleep(1)\n"
            " print('out'); print('err', file=sys.stderr); return 3\n"
            "sys.exit(console.run_command(work))"
        )
        os.execv(sys.executable, [sys.executable, "-c", code])
    assert b"begun" in os.read(ours, 100)
    os.close(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


def test_what_is_said_does_not_wait_in_a_buffer():
    """A process that is killed has said what it said."""
    assert ends("(print('said', file=sys.stderr), __import__('os')._exit(4))").stderr == "said\n"
