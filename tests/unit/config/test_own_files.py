"""What is wrong with a configuration file of one's own is said with the file and the remedy."""

import subprocess
import sys
from pathlib import Path

import pytest

from titn.config.own_files import own_dirs

FILES = {
    "tab": ("# @package _global_\nseed: 3\n\tepochs: 1\n", ":3: found character"),
    "twice": ("# @package _global_\nseed: 1\nseed: 2\n", ":3: found duplicate key seed"),
    "again": (
        "# @package _global_\ndefaults:\n  - /model: vit\n",
        "model: a file's defaults ",
    ),
    "beside": (
        "# @package _global_\ndefaults:\n  - override model: vit\n",
        "experiment/beside.yaml: override model: is looked for beside the file; write override /",
    ),
    "mapping": (
        "# @package _global_\ndefaults:\n  model: vit\n",
        "experiment/mapping.yaml: its defaults are no list; write each as - override /GROUP: NAME",
    ),
    "listed": ("# @package _global_\n- a\n", "experiment/listed.yaml: is no mapping; write it as"),
    "nowhere": (
        "seed: 3\n",
        "experiment=nowhere: what the file sets stands under ",
    ),
    "empty": ("", "experiment=empty: the file is empty; write KEY: VALUE in it"),
    "latin1": (
        "# @package _global_\nrun_dir: \xe9\n",
        "experiment/latin1.yaml: is not UTF-8; ",
    ),
    "elsewhere": (
        "# @package _global_\nhydra: {run: {dir: x}}\n",
        "hydra.run.dir=x: titn writes",
    ),
}
ANSWER = """
import os, sys
from titn import train
from titn.system.console import run_command
for name in sys.argv[2:]:
    child = os.fork()
    if not child:
        os.dup2(1, 2)
        sys.argv = ["titn.train", "--config-dir", sys.argv[1], *name.split(" ")]
        os._exit(run_command(train.train))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"code {code}", flush=True)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, str]:
    """File -> what was said of it, and the exit code."""
    directory = tmp_path_factory.mktemp("conf")
    (directory / "experiment").mkdir()
    for name, (content, _) in FILES.items():
        (directory / "experiment" / f"{name}.yaml").write_text(content, encoding="latin-1")
    (directory / "experiment" / "short.yml").write_text("seed: 3\n")
    typed = [f"+experiment={name}" for name in FILES]
    typed += ["+experiment=short", "experiment=tab", "+experiment=no"]
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, str(directory), *typed],
        cwd=directory, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    said = [one.strip() for one in done.split("code 2\n")]
    return dict(zip(typed, said, strict=False))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_named_with_what_is_wrong(answers, name):
    line = answers[f"+experiment={name}"]
    assert line.startswith("titn: ")
    assert FILES[name][1] in line
    assert line.count("\n") == 0


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (
            "+experiment=short",
            "experiment=short: Hydra reads no .yml; rename short.yml ",
        ),
        (
            "experiment=tab",
            "experiment=tab: nothing of experiment is chosen yet; write +exper",
        ),
        ("+experiment=no", "experiment=no: there is no such choice; choose one of again, "),
    ],
)
def test_a_choice_of_ones_own_is_named_as_it_can_be_typed(answers, typed, line):
    assert answers[typed].startswith(f"titn: {line}")


def test_the_directories_of_ones_own_are_those_that_are_named():
    assert own_dirs(["-cd", "a", "hydra.searchpath=[file:///b, c]", "seed=1"]) == [
        Path("a"), Path("/b"), Path("c"),
    ]  # fmt: skip
