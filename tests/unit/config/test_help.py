"""--help has the comments of the configuration's files."""

import pytest

from titn.config import help as config_help
from titn.config.help import read_comments, with_comments
from titn.config.paths import config_root

FILES = {
    "config.yaml": "seed: 0     # draws everything\nmodel: null\n",
    "model/deep.yaml": "_target_: x.Deep\ndepth: 12   # layers\nwidth: 3\n",
    "model/wide.yaml": "_target_: x.Wide\ndepth: 2    # of the wide one\n",
    "dataset/one.yaml": (
        "# @package _global_\ndataset:\n  _target_: x.one\n  root: null   # where it lies\n"
        "recipe:\n  paper: {a: 1}   # the paper's\n"
    ),
}
PRINTED = """titn.train: does

== Keys: set with KEY=VALUE ==

model:
  _target_: x.Deep
  depth: 12
  width: 3
teacher:
  model:
    _target_: x.Wide
    depth: 2
dataset:
  _target_: x.one
  root: null
recipe:
  paper:
    a: 1
seed: 0


The end.
"""


@pytest.fixture
def conf(tmp_path, monkeypatch):
    for name, text in FILES.items():
        file = tmp_path / "conf" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setattr(config_help, "config_root", lambda: tmp_path)
    return tmp_path / "conf"


@pytest.mark.parametrize(
    "line",
    [
        "  depth: 12                  # layers",
        "    depth: 2                 # of the wide one",
        "  root: null                 # where it lies",
        "  paper:                     # the paper's",
        "seed: 0                      # draws everything",
    ],
)
def test_a_key_has_the_comment_of_its_own_class(conf, line):
    assert line in with_comments(PRINTED, 100).splitlines()


def test_nothing_else_is_changed(conf):
    lines = [line.partition("  # ")[0].rstrip() for line in with_comments(PRINTED, 100).split("\n")]
    assert "\n".join(lines) == PRINTED


def test_a_comment_without_room_stands_above_its_key(conf):
    lines = with_comments(PRINTED, 40).splitlines()
    at = lines.index("    depth: 2")
    assert lines[at - 1] == "    # of the wide one"


def test_what_is_no_help_stays(conf):
    assert with_comments("version 1\n", 80) == "version 1\n"


def test_every_key_of_the_run_itself_says_what_it_is():
    known = read_comments(config_root() / "conf")
    keys = (config_root() / "conf" / "config.yaml").read_text().split("_self_\n")[1]
    keys = keys.partition("hydra:")[0]
    names = [line.partition(":")[0] for line in keys.splitlines() if line]
    assert len(names) > 20
    assert [name for name in names if ("", name) not in known] == []
