"""docs/your-own.md: its files are written, and its commands do as it says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_blocks import arguments, blocks
from harness import Done, run
from PIL import Image

import titn
import titn.cells.ensure  # here, and not in each process
import titn.sweeps.job

BLOCKS = blocks("docs/your-own.md")
COMMANDS = [c for block in BLOCKS if block.language == "sh" for c in block.commands()]
TRAINED = [words for c in COMMANDS if (words := arguments(c))[0] == "train"]
# What makes the page's runs small; --multirun is composed by another test.
SMALL = ("epochs=1", "compile=none", "device=cpu", "dataset.fraction=0.1")
# In place of a teacher that takes half a minute to be asked.
SMALL_TEACHER = ("teacher=deit", "teacher.epochs=0", "teacher.model.depth=1")
SINGLE = [words[1:] for words in TRAINED if "--multirun" not in words]


def is_of(words: list[str], part: str) -> bool:
    return any(word.endswith(f"={part}") for word in words)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Path]:
    """A directory with the files that the page shows."""
    directory = tmp_path_factory.mktemp("experiment")
    for block in BLOCKS:
        name = re.search(r"^# (\S+\.(py|yaml))$", block.text, re.MULTILINE)
        if block.language in ("python", "yaml") and name:
            path = directory / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(block.text + "\n\n")
    Image.new("RGB", (20, 20), "red").save(directory / "image.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(directory)
        yield directory


def trained(place: Path, words: list[str]) -> Done:
    others = [word for word in words if not word.startswith("teacher=")]
    teacher = ["teacher=none"] if "teacher=none" in words else SMALL_TEACHER
    return run("train", *others, *SMALL, *teacher, cwd=place)


@pytest.mark.parametrize("part", ["matching", "bars", "invert", "adagrad"])
def test_each_part_is_shown_with_a_command_that_trains(place, part):
    *_, words = [words for words in SINGLE if is_of(words, part)]
    made = trained(place, words)
    assert made.code == 0, made.err
    assert "record: runs/" in made.out


@pytest.fixture(scope="module")
def hash_of_run(place) -> str:
    """Of the run whose network, loss and data set are all the user's."""
    words = ["--config-dir=own", "dataset=bars", "model=small", "teacher=deit", "loss=matching"]
    made = trained(place, words)
    assert made.code == 0, made.err
    return made.out.rstrip().rpartition("/")[2]


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_run_is_used_as_the_page_says(place, hash_of_run, command):
    (words,) = [words for c in COMMANDS if (words := arguments(c))[0] == command]
    used = run(*(word.replace("HASH", hash_of_run) for word in words), cwd=place)
    assert used.code == 0, used.err
    assert used.complaints == []


@pytest.mark.parametrize("command", [("predict", "image.png"), ("evaluate",)])
def test_nothing_of_a_run_is_executed_without_trust(place, hash_of_run, command):
    name, *rest = command
    refused = run(name, f"runs/{hash_of_run}", *rest, cwd=place)
    assert refused.code == 2
    assert "is not titn's own code for this; --trust runs it all the same" in refused.err


def test_the_page_names_all_commands_that_ask_for_trust():
    root = Path(titn.__file__).parent
    asking = {file.stem for file in root.glob("*.py") if "add_trust()" in file.read_text()}
    text = (root.parent / "docs" / "your-own.md").read_text()
    (line,) = re.findall(r"^- (.*) run your code only with `--trust`", text, re.MULTILINE)
    assert {name.removeprefix("titn.") for name in re.findall(r"`(.*?)`", line)} == asking


def test_a_run_is_loaded_with_trust_alone(place, hash_of_run):
    path = place / "runs" / hash_of_run
    with pytest.raises(titn.ConfigError, match="is not titn's own code"):
        titn.load(path)
    opened = titn.load(path, trust=True)
    assert opened.predict(place / "image.png").names[0] in ("standing", "lying")
