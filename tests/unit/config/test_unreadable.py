"""What Hydra's grammar does not read is answered with the spelling that it reads."""

import pytest

from titn.config.unreadable import explain_several, explain_unreadable


def no_such_key(key: str) -> str | None:
    return None if key.startswith("hydra") else "there is no such key"


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("dataset.root=~/data", "cannot be read; write 'dataset.root=\"~/data\"'"),
        ("checkpoint=epoch=1.ckpt", "cannot be read; write 'checkpoint=\"epoch=1.ckpt\"'"),
        ("run_dir=été", "cannot be read; write 'run_dir=\"été\"'"),
        ("teacher.checkpoint=a=b", "cannot be read; write 'teacher.checkpoint=\"a=b\"'"),
        ("run_dir=it's", "cannot be read; write 'run_dir=\"it'\"'\"'s\"'"),
        ("seed=${a.${b}}", "cannot be read; write 'seed=\"${a.${b}}\"'"),
        ('seed=${a:"${b}"}', "cannot be read; write 'seed=\"${a:${b}}\"'"),
        ("epochs=３", "should be an integer; write epochs=3"),
        ("epochs=[1", "should be an integer"),
        ("seed=0,", "ends or begins with a comma; write values as seed=A,B without spaces"),
        ("seed", "is not KEY=VALUE; write it so, without spaces around ="),
        ("seed =1", "is not KEY=VALUE; write it so, without spaces around ="),
        ("clé=1", "there is no such key"),
        ("hydra.searchpath=[a", "cannot be read; write 'KEY=\"VALUE\"', in both kinds of quotes"),
    ],
)
def test_the_spelling_that_works_is_printed(override, remedy):
    assert explain_unreadable(override, "", no_such_key) == f"{override}: {remedy}"


def test_an_argument_that_is_empty_is_called_so():
    assert explain_unreadable("", "", no_such_key).startswith("an argument is empty; leave it out")


def test_what_hydra_said_of_a_function_is_said():
    line = explain_unreadable("seed=rnge(3)", "seed=rnge(3): Unknown function 'rnge'", no_such_key)
    assert line == "seed=rnge(3): Unknown function 'rnge'; write one value, or A,B with --multirun"


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("seed=0,1", "add --multirun"),
        ("run_dir=a,b", "add --multirun, or for one value with commas write 'run_dir=\"a,b\"'"),
        ("rows=a,b", "add --multirun, and write rows=[a,b]"),
    ],
)
def test_several_values_are_a_sweep_or_one_text(override, remedy):
    assert explain_several(override) == f"{override}: several values are a sweep; {remedy}"
