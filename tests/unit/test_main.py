"""All commands behind one name."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from titn.__main__ import COMMANDS, help_text, main
from titn.train import after_interruption

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def said(monkeypatch, capsys):
    """Runs the command in this process: its exit code, and what it printed on both streams."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["titn", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_help_fits_a_screen_and_begins_with_examples(said):
    code, out, _ = said("--help")
    lines = out.splitlines()
    assert code == 0
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[2].split()[:2] == ["titn", "train"]
    assert out == said()[1]


def test_every_command_is_a_door_and_every_door_a_command():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    doors = {f"titn-{name}": f"titn.{name}:main" for name in COMMANDS}
    assert scripts == doors | {"titn": "titn.__main__:main"}
    assert all(callable(import_module(f"titn.{name}").main) for name in COMMANDS)


def test_every_example_is_a_command():
    examples = [line for line in help_text().splitlines() if line.startswith("  titn ")]
    assert len(examples) >= 5
    assert all(line.split()[1] in COMMANDS for line in examples)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["trian"], "titn: trian: there is no such command; did you mean train?"),
        (["model=deit"], "titn: model=deit: is no command; write titn train model=deit"),
        (["xyz"], f"titn: xyz: there is no such command; choose one of {', '.join(COMMANDS)}"),
        (["train", "modle=deit"], "titn: modle=deit: there is no such key; did you mean model?"),
        (["status", "--wtch"], "titn: --wtch: there is no such option; --help lists them"),
    ],
)
def test_what_is_wrong_is_one_line(said, arguments, line):
    assert said(*arguments) == (2, "", f"{line}\n")


def test_a_command_is_the_one_that_a_door_runs(said):
    code, out, _ = said("train", "model=deit", "dry_run=true")
    assert code == 0
    assert out.startswith("deit on digits, seed 0")


def completed(line: str) -> list[str]:
    """What the shell is offered for a line as it was typed, by the process that it starts."""
    command = [sys.executable, "-m", "titn", "-sc", "query=bash"]
    done = subprocess.run(
        command, env=os.environ | {"COMP_LINE": line, "COMP_POINT": str(len(line))},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("titn tr", ["train"]),
        ("titn ", list(COMMANDS)),
        (
            "titn train model=ti",
            ["model=timm", "model=titn", "model=titn_large_patch", "model=titn_plus"],
        ),
        ("titn train model=deit optimizer.weight_d", ["optimizer.weight_decay="]),
        ("titn train +ablation=mi", ["+ablation=mix"]),
        ("titn predict ru", []),
    ],
)
def test_commands_groups_and_keys_are_completed(line, offered):
    assert completed(line) == offered


def test_the_script_for_bash_is_hydras():
    arguments = ["/bin/titn", "-sc", "install=bash"]
    code = f"import sys; sys.argv = {arguments}; from titn.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("-F hydra_bash_completion titn")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["model=vit", "seed=1"], "the same command goes on from here"),
        (["model=vit", "force=false"], "the same command goes on from here"),
        (["++force=True"], "the same command without force=true goes on"),
        (
            ["--multirun", "force=true"],
            "what is done stays, and the same command would begin it anew: with force=true ask for "
            "the other cells alone (rows=, seed=)",
        ),
        (
            ["force=true", "teacher.force=true"],
            "the same command without force=true and teacher.force=true goes on",
        ),
    ],
)
def test_an_interruption_says_which_command_goes_on(arguments, line):
    assert after_interruption(arguments) == line
