"""A row is composed once for its seeds, and each seed as if it were composed alone."""

from contextlib import suppress

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from titn.config.paths import conf_dir
from titn.sweeps.compose_jobs import JobComposer
from titn.system.errors import ConfigError


class Loader:
    """Hydra's, which remembers what it was asked for."""

    def __init__(self, loader):
        self.loader, self.asked = loader, []

    def load_sweep_config(self, config, overrides):
        self.asked.append(overrides)
        return self.loader.load_sweep_config(config, overrides)


@pytest.fixture
def sweep():
    """A sweep's configuration and its loader."""
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        config = hydra.compose_config("config", [], run_mode=RunMode.MULTIRUN)
        yield config, Loader(hydra.config_loader)


def test_a_row_is_composed_once_for_all_its_seeds(sweep):
    _, loader = sweep
    compose = JobComposer(*sweep)
    row = ["model=deit", "teacher=vgg16_bn", "teacher.seed=${seed}"]
    found = [compose([*row, f"seed={seed}"]) for seed in (0, 3, 12, 3)]
    assert loader.asked == [row]
    # First, where it is no seed to the composer, Hydra sets it.
    assert found == [compose([f"seed={seed}", *row]) for seed in (0, 3, 12, 3)]
    assert [run["teacher"]["seed"] for run in found] == [0, 3, 12, 3]


@pytest.mark.parametrize("last", ["seed=-1", "seed=007", "seed=null", "epochs=3"])
def test_what_is_no_plain_seed_is_left_to_hydra(sweep, last):
    _, loader = sweep
    with suppress(ConfigError):
        JobComposer(*sweep)(["model=deit", last])
    assert loader.asked == [["model=deit", last]]


def test_what_is_done_to_one_job_another_does_not_see(sweep):
    compose = JobComposer(*sweep)
    compose(["epochs=3", "seed=1"])["optimizer"]["lr"] = None
    assert compose(["epochs=3", "seed=2"])["optimizer"]["lr"] is not None


def test_a_row_that_cannot_be_composed_is_refused_for_each_seed(sweep):
    compose = JobComposer(*sweep)
    for seed in (0, 1):
        with pytest.raises(ConfigError, match=r"^model=foo: there is no such choice"):
            compose(["model=foo", f"seed={seed}"])
