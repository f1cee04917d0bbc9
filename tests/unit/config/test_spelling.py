"""An override that a message prints is read as it was meant, by a shell and by Hydra."""

import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from titn.config.spelling import spelled

TEXTS = [
    "plain", "/a/b-c_d.pt", "~/data", "epoch=999-step=1.ckpt", "été", "日本", "my runs", " a ",
    "it's", 'a"b', "a'b\"c", "a\\b", "ends in \\", "a,b", "a(1)", "[a]", "{a}", "a#b", "a&b;c|d",
    "a!b", "a$b", "$HOME", "`id`", "a*?", "<a>", "${a", "${a}", r"\${a}", r"\\\${a}", 
    "7", "1e3", ".5", "007", "null", "True", "nan", "",
]  # fmt: skip


@pytest.fixture(scope="module")
def read() -> list[object]:
    """The values that are read of all texts, typed into one shell."""
    words = " ".join(spelled("run_dir", text) for text in TEXTS)
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True
    ).stdout
    typed = done.decode().split("\0")[:-1]
    parsed = OverridesParser.create().parse_overrides(typed)
    return [OmegaConf.create({"run_dir": one.value()}).run_dir for one in parsed]


@pytest.mark.parametrize("number", range(len(TEXTS)), ids=TEXTS)
def test_a_text_is_read_as_it_is(read, number):
    assert read[number] == TEXTS[number]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (3, "epochs=3"),
        (None, "epochs=null"),
        (True, "epochs=true"),
        ([1, 2], "'epochs=[1,2]'"),
        ("plain", "epochs=plain"),
        ("~/x", "'epochs=\"~/x\"'"),
    ],
)
def test_no_more_quotes_than_it_takes(value, word):
    assert spelled("epochs", value) == word
