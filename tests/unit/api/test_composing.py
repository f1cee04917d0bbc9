"""Composing from Python: what the command composes, and no trace of it in the process."""

import importlib
import subprocess
import sys
import threading

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.version import getbase, setbase

import titn
from titn.api.composing import checked_run
from titn.cells.planning import Planner
from titn.system.errors import CellError, ConfigError


def test_importing_titn_is_light():
    heavy = "{'torch', 'hydra', 'omegaconf', 'numpy', 'pandas', 'matplotlib'}"
    code = f"import sys, titn; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_configuration_is_that_of_the_command(composed):
    overrides = ["model=tnt", "teacher=resnet18", "optimizer.lr=0.01"]
    found = titn.compose(overrides)
    assert found.pop("choices")["model"] == "tnt"
    assert found["teacher"]["choices"].pop("model") == "resnet18"
    expected = composed(*overrides)
    del expected["choices"]
    for run in (found, expected):
        del run["teacher"]["choices"]
    assert found == expected


def test_names_are_those_that_a_job_is_given():
    assert titn.compose(["loss=hard", "teacher=vgg16_bn"])["choices"]["loss"] == "hard"


def test_files_that_are_not_there_do_not_matter():
    assert titn.compose(["dataset=cifar100", "dataset.root=nowhere"])["dataset"]["root"]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["modle=deit"], "modle=deit: there is no such key; did you mean model?"),
        (["epochs=-1"], "epochs=-1: should be greater than or equal to 0"),
        ("model=deit", "overrides='model=deit': give a list of texts, as ['model=deit']"),
        ([1], "overrides=[1]: give a list of texts, as ['model=deit']"),
        (
            ["--multirun"],
            "--multirun: is an option of the command; leave it out, or run titn train --multirun",
        ),
        (
            ["+ablation=mix"],
            "+ablation=mix: asks a question of many cells; run titn train -m +ablation=mix",
        ),
        (
            ["+search=rate"],
            "+search=rate: asks a question of many cells; run titn train -m +search=rate",
        ),
        (
            ["model=titn,deit"],
            "model=titn,deit: several values are a sweep; call titn.train for each, or run titn "
            "train --multirun with them",
        ),
        (["busy=leave"], "busy=leave: a call waits for its run; leave it out"),
        (
            ["dry_run=true"],
            "dry_run=true: titn.compose looks at a run and trains nothing; leave it out",
        ),
    ],
)
def test_bad_input_is_one_line(overrides, line):
    with pytest.raises(titn.ConfigError) as caught:
        titn.compose(overrides)
    assert str(caught.value) == line


def test_own_code_that_was_edited_counts_once_it_was_reloaded(tmp_path, monkeypatch):
    """In a notebook: what runs is what is on the disk, in its keys and in its digest."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    code = (
        "import torch\n\ndef sgd(*, model: torch.nn.Module, lr: float) -> torch.optim.Optimizer:\n"
        "    return torch.optim.SGD(model.parameters(), lr=lr)\n"
    )
    module = "own_sgd_of_a_notebook"
    conf = tmp_path / "conf" / "optimizer"
    conf.mkdir(parents=True)
    (conf / "own.yaml").write_text(f"_target_: {module}.sgd\nlr: 0.1\n")
    keys = [f"hydra.searchpath=[file://{tmp_path}/conf]", "model=deit", "optimizer=own"]

    def digest(*more: str) -> str:
        run = checked_run([*keys, *more], reads_files=True)
        return Planner().plan(run).identity["source_digest"]

    file = tmp_path / f"{module}.py"
    file.write_text(code)
    first = digest()
    file.write_text(code.replace("lr: float", "lr: float, nesterov: bool = False"))
    with pytest.raises(CellError, match=rf"{module}\.py: has changed .* reload the module"):
        digest("+optimizer.nesterov=true")
    importlib.reload(sys.modules[module])
    assert digest("+optimizer.nesterov=true") != first
    with pytest.raises(ConfigError, match=r"^optimizer\.nestrov=true: \S+ takes lr, nesterov, and"):
        digest("+optimizer.nestrov=true")


def test_a_program_that_uses_hydra_finds_its_own_state(tmp_path):
    (tmp_path / "config.yaml").write_text("theirs: 1\n")
    version = getbase()
    with initialize_config_dir(str(tmp_path), version_base="1.1"):
        before, hydra, plugins = dict(Singleton._instances), GlobalHydra.instance().hydra, None
        plugins = Plugins.instance()
        for _ in range(2):
            assert titn.compose(["model=deit"])["choices"]["model"] == "deit"
        with pytest.raises(titn.ConfigError):
            titn.compose(["modle=deit"])
        assert Singleton._instances == before | {Plugins: plugins}
        assert GlobalHydra.instance().hydra is hydra
        assert getbase() is not None
        assert getbase().minor == 1
        assert compose("config", ["theirs=2"]).theirs == 2
    setbase("1.3" if version is None else f"{version.major}.{version.minor}")


def test_a_program_that_does_not_use_hydra_finds_none():
    code = (
        "import titn; titn.compose([]); from hydra.core.singleton import Singleton; "
        "print(*(kind.__name__ for kind in Singleton._instances))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ConfigStore"


def test_threads_compose_at_the_same_time():
    found: dict[str, str] = {}

    def compose_in_thread(name: str) -> None:
        found[name] = titn.compose([f"model={name}"])["choices"]["model"]

    names = ["deit", "vit", "tnt"]
    threads = [threading.Thread(target=compose_in_thread, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: name for name in names}


def test_within_the_job_of_another_program(tmp_path):
    """A program with Hydra's own main calls titn: its job ends as it would have."""
    (tmp_path / "config.yaml").write_text("network: deit\nhydra: {run: {dir: out}}\n")
    (tmp_path / "program.py").write_text(
        "import hydra, titn\n"
        "from hydra.core.hydra_config import HydraConfig\n"
        "@hydra.main('.', 'config', version_base='1.3')\n"
        "def main(config):\n"
        "    run = titn.compose([f'model={config.network}'])\n"
        "    print(run['choices']['model'], HydraConfig.get().job.name)\n"
        "main()\n"
    )
    command = [sys.executable, "program.py", "network=vit"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "vit program", done.stderr
