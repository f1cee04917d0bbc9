"""Where Ray is not there, does not answer, or is too small, one line says so. Without Ray."""

import sys
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
    with pytest.raises(ConfigError, match=line):
        Cluster(options()).check_fits({"memory": 16 * 2**30})
