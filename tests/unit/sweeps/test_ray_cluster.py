"""Where Ray is not there, does not answer, or is too small, one line says so. Without Ray."""

import os
import signal
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from test_ray_options import options

from titn.sweeps.ray import cluster
from titn.sweeps.ray.cluster import Cluster, check_installed
from titn.system.errors import ConfigError


@pytest.fixture
def ray(monkeypatch):
    """A Ray of two nodes, to which one can connect."""
    fake = ModuleType("ray")
    fake.init = lambda **_: None
    fake.shutdown = lambda: None
    fake.nodes = lambda: [
        {"Alive": True, "Resources": {"CPU": 4.0, "memory": 8.0 * 2**30}},
        {"Alive": True, "Resources": {"CPU": 2.0, "GPU": 1.0, "memory": 2.0 * 2**30}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
    ]
    monkeypatch.setitem(sys.modules, "ray", fake)
    return fake


@pytest.mark.parametrize("found", [None, SimpleNamespace(origin=None)])  # the second: a folder
def test_a_ray_that_is_not_there_is_answered_with_what_installs_it(found, monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda _: found)
    with pytest.raises(ConfigError, match=r"^hydra/launcher=ray: Ray .* pip install ray, or choo"):
        check_installed()


def test_a_cluster_that_does_not_answer_is_named(ray):
    def init(**_):
        raise ConnectionError("Could not find any running Ray instance.\nMore of it")

    ray.init = init
    with pytest.raises(ConfigError) as raised:
        Cluster(options(address="auto"))
    assert str(raised.value) == (
        "hydra.launcher.address=auto: Could not find any running Ray instance; start one with ray "
        "start --head, give its token in RAY_AUTH_TOKEN with RAY_AUTH_MODE=token, or leave the "
        "address out"
    )


def test_a_cell_that_fits_on_no_node_waits_for_one_and_on_this_machine_is_refused(ray):
    known = Cluster(options(address="auto"))
    assert known.check_fits({"CPU": 4, "GPU": 0, "memory": 2**30}) is None
    assert known.check_fits({"CPU": 8, "GPU": 0, "memory": 2**30}) == (
        "hydra.launcher.cpus: a cell asks for 8, and the largest node has 4: Ray waits until a "
        "larger one comes"
    )
    line = r"^hydra.launcher.memory: a cell asks for 16 GiB, and this machine has 8 GiB; give less$"
    own = Cluster(options())
    with pytest.raises(ConfigError, match=line):
        own.check_fits({"memory": 16 * 2**30})
    own.close()


def test_a_ray_of_ones_own_has_a_directory_that_goes_with_it_and_handlers_stay(ray, monkeypatch):
    """Ray's init puts a handler of its own in the place of titn's."""

    def init(**given):
        assert given["address"] == "local"
        assert given["include_dashboard"] is False
        places.append(Path(given["_temp_dir"]))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    places, before = [], signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(ray, "init", init)
    own = Cluster(options())
    assert places[0].is_dir()
    assert signal.getsignal(signal.SIGTERM) == before
    own.close()
    assert not places[0].exists()


def test_settings_that_the_user_made_stay_and_the_token_is_new(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setenv("RAY_worker_niceness", "7")
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "")
    cluster._keep_to_oneself()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "1"
    assert os.environ["RAY_worker_niceness"] == "7"  # noqa: SIM112 - so it is called
    assert os.environ["RAY_AUTH_MODE"] == "token"
    first = os.environ["RAY_AUTH_TOKEN"]
    assert len(first) == 64
    cluster._keep_to_oneself()
    assert os.environ["RAY_AUTH_TOKEN"] != first
