"""The file of a question is found, or the line says where it should be."""

import pytest

from titn.sweeps.question_checks import check_question_files
from titn.system.errors import ConfigError

GOOD = """\
# @package _global_
question: {title: t, asks: a, rows: {none: [], some: [epochs=1]}}
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes a file below own/."""
    monkeypatch.chdir(tmp_path)

    def write(name, text=GOOD):
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def ask(question):
    check_question_files(["--config-dir", "own", "--multirun", question])


@pytest.mark.parametrize("question", ["+ablation=mine", "+ablation=sub/mine", "+ablation=mix"])
def test_a_good_file_of_ones_own_or_of_titn_is_found(own, question):
    own("ablation/mine.yaml")
    own("ablation/sub/mine.yaml")
    ask(question)


def test_directories_of_hydras_search_path_count_too(own):
    own("ablation/mine.yaml")
    check_question_files(["--multirun", "hydra.searchpath=[own]", "+ablation=mine"])
    with pytest.raises(ConfigError, match="choose one of mine, better_teacher, "):
        check_question_files(["--multirun", "hydra.searchpath=[own]", "+ablation=mien"])


@pytest.mark.parametrize(
    ("file", "question", "said"),
    [
        ("mine.yaml", "mine", "there is no own/ablation/mine.yaml; rename own/mine.yaml"),
        (
            "ablation/mine.yml",
            "mine",
            "there is no own/ablation/mine.yaml; rename own/ablation/mine.yml",
        ),
        (
            "ablation/mine.yaml",
            "mien",
            "there is no own/ablation/mien.yaml; choose one of mine, better_teacher, ",
        ),
        ("ablation/mix.yaml", "mix", "titn asks this already; rename own/ablation/mix.yaml"),
    ],
)
def test_a_file_in_the_wrong_place_is_told(own, file, question, said):
    own(file)
    with pytest.raises(ConfigError) as raised:
        ask(f"+ablation={question}")
    assert str(raised.value).startswith(f"+ablation={question}: {said}")


def test_a_mistake_in_the_file_is_told(own):
    own("ablation/mine.yaml", GOOD.replace("some:", "on:"))
    with pytest.raises(ConfigError, match=r"^own/ablation/mine\.yaml:2: question\.rows: on: "):
        ask("+ablation=mine")
