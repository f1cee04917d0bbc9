"""The keys of hydra/launcher=ray are checked."""

from pathlib import Path

import pytest
import yaml

from titn.config.paths import conf_dir
from titn.sweeps.ray.options import RayOptions, read_options
from titn.system.errors import ConfigError


def options(**more) -> RayOptions:
    given = yaml.safe_load((Path(conf_dir()) / "hydra/launcher/ray.yaml").read_text())
    del given["_target_"]
    return read_options(given | {"address": None} | more)


def test_by_default_a_cell_has_a_core_and_the_rest_follows_from_the_plan():
    assert options() == RayOptions(
        address=None, cpus=1, gpus=None, memory=None, at_once=None, retries=5
    )


@pytest.mark.parametrize(
    ("more", "key", "value"),
    [
        ({"address": "local"}, "address", None),
        ({"address": "auto"}, "address", "auto"),
        ({"address": "10.0.0.1:6379"}, "address", "10.0.0.1:6379"),
        ({"gpus": 0.25}, "gpus", 0.25),
        ({"gpus": 2}, "gpus", 2.0),
        ({"memory": "8G"}, "memory", 8192),
    ],
)
def test_what_ray_takes(more, key, value):
    assert getattr(options(**more), key) == value


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"address": "ray://head:10001"}, "address=ray://head:10001: is Ray's client, which sees "),
        ({"address": "head"}, "address=head: should be HOST:PORT, as ray start prints it, or auto"),
        ({"gpus": 1.5}, "gpus=1.5: should be a whole number, a part of one GPU as 0.25, or auto"),
        ({"gpus": True}, "gpus=true: should be a whole number, a part of one GPU as 0.25, or auto"),
        ({"gpus": -1}, "gpus=-1: should be a whole number, a part of one GPU as 0.25, or auto"),
        ({"cpus": 0}, "cpus=0: "),
        ({"retries": -1}, "retries=-1: "),
        ({"memory": "much"}, "memory=much: should be a number with K, M, G or T, as 8G, or auto"),
    ],
)
def test_what_it_does_not_take_is_answered_with_its_key(more, line):
    with pytest.raises(ConfigError) as raised:
        options(**more)
    assert str(raised.value).startswith(f"hydra.launcher.{line}")
