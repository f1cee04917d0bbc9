"""Every file of sweeps/search: what it seeks can be read, and every choice can be trained."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from titn.config import resolve
from titn.config.paths import conf_dir, config_root
from titn.config.plugins import load_plugins
from titn.config.spelling import for_hydra
from titn.records.search import parse_search
from titn.sweeps.search.space import Space, read_space

FILES = sorted((config_root() / "sweeps" / "search").glob("*.yaml"))


def composed(file: Path, *overrides: str):
    load_plugins()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        return compose("config", [f"+search={file.stem}", *overrides])


def space_of(file: Path) -> Space:
    node = OmegaConf.to_container(composed(file).search, resolve=True)
    return read_space(parse_search(node))


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def file(request) -> Path:
    return request.param


def test_a_file_opens_with_its_question_its_cost_and_its_command(file):
    head = file.read_text()
    assert head.startswith("# @package _global_\n# Which ")
    assert "# Cost: " in head
    assert f"python -m titn.train --multirun +search={file.stem} " in head


def test_the_first_and_the_last_of_every_domain_can_be_trained(file):
    space = space_of(file)
    for which in (0, -1):

        def pick(_, domain, which=which):
            points = domain.points()
            return points[which] if points else (domain.low, domain.high)[which]

        chosen = space.values(space.choose(pick))
        overrides = [f"{key}={for_hydra(value)}" for key, value in chosen.items()]
        resolve.resolve(composed(file, *overrides))
