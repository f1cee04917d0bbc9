"""What a command line says to Hydra itself works, or is answered with what to say instead."""

import pytest

from titn.config.hydra_arguments import check_arguments
from titn.system.errors import ConfigError


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["hydra.run.dir=x"], "hydra.run.dir=x: titn writes nothing there; set run_dir=DIR"),
        (["hydra.job.chdir=true"], "hydra.job.chdir=true: a run writes to its own directory; "),
        (["hydra.job.name=x"], "hydra.job.name=x: does not name a run; set run_dir=DIR"),
        (["-m", "hydra.sweep.subdir=x"], "hydra.sweep.subdir=x: a cell is where single runs are"),
        (["hydra.verbose=true"], "hydra.verbose=true: shows nothing while nothing is logged; add "),
        (["hydra.sweep.dir=x"], "hydra.sweep.dir=x: is for a sweep; add --multirun, or leave it"),
        (["hydra.launcher.n_jobs=2"], "hydra.launcher.n_jobs=2: is for a sweep; add --multirun"),
        (["hydra/launcher=joblib"], "hydra/launcher=joblib: is for a sweep; add --multirun"),
        (["-m", "hydra/sweeper=optuna"], "hydra/sweeper=optuna: titn plans and continues its "),
        (["model=[vit,deit]"], "model=[vit,deit]: has one choice at a time; write model=NAME, or "),
        (["model@teacher.model=[vit]"], "model@teacher.model=[vit]: has one choice at a time"),
        (["=1"], "=1: is not KEY=VALUE; write it so, without spaces around ="),
        (["--epochs=3"], "--epochs=3: is a key and not an option; write epochs=3, without dashes"),
        (["--batch-size", "3"], "--batch-size: is a key and not an option; write batch_size=VALU"),
        (["--lr", "3"], "--lr: there is no such option; did you mean optimizer.lr?"),
        (["-m", "hydra.launcher=joblib"], "hydra.launcher=joblib: is a group; write hydra/launch"),
        (["--config-dir="], "--config-dir=: names no directory; give one, or leave it out"),
        (["--mutlirun"], "--mutlirun: there is no such option; did you mean --multirun?"),
        (["--nothing"], "--nothing: there is no such option; --help lists them"),
    ],
)
def test_what_would_be_taken_and_not_heeded_is_answered(arguments, line):
    with pytest.raises(ConfigError) as raised:
        check_arguments(arguments)
    assert str(raised.value).startswith(line)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--multirun", "hydra.sweep.dir=x", "hydra/launcher=joblib", "hydra.job.name=x"],
        ["hydra.mode=MULTIRUN", "hydra.launcher.n_jobs=2"],
        ["hydra/job_logging=default", "hydra.verbose=true", "hydra.job.name=x"],
        ["--cfg", "hydra", "hydra.run.dir=x"],
        ["--multirun", "hydra/sweeper=titn"],
        ["rows=[a]", "hydra.searchpath=[file:///x]"],
    ],
)
def test_what_works_is_let_through(arguments, capsys):
    check_arguments(arguments)
    assert capsys.readouterr().err == ""


def test_what_a_shell_makes_of_braces_is_said(capsys):
    # What stands apart is a script's default and what it was given in its place.
    check_arguments(["seed=5", "epochs=3", "epochs=3", "seed=0", "seed=1", "++seed=2"])
    assert capsys.readouterr().err == (
        "titn: ++seed=2: counts, and not seed=0, seed=1; for several values write seed=A,B with "
        "--multirun\n"
    )


@pytest.mark.parametrize(
    ("name", "taken"),
    [("optimizer/adamw", True), ("optimizer/mine", False), ("hydra/launcher/slurm", True)],
)
def test_a_choice_of_ones_own_is_not_passed_over_for_titns(tmp_path, name, taken):
    file = tmp_path / f"{name}.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("lr: 1\n")
    if not taken:
        check_arguments(["--config-dir", str(tmp_path)])
        return
    with pytest.raises(ConfigError) as raised:
        check_arguments(["--config-dir", str(tmp_path)])
    assert str(raised.value) == (
        f"{file}: titn has a choice of this name, which is taken; rename yours"
    )
