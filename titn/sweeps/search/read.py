"""+search=NAME: what a command line searches for, read from its composed configuration."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from omegaconf import DictConfig, OmegaConf

from titn.config.overrides import override_key
from titn.config.spelling import as_typed, for_hydra
from titn.records.search import SEARCH, Search, parse_search
from titn.sweeps.overrides import SweepRequest
from titn.sweeps.search.space import Space, read_space
from titn.system.errors import ConfigError


@dataclass(frozen=True)
class AskedSearch:
    """A search as it is asked for; name: of its study. at_once: cells that the launcher makes."""

    name: str
    search: Search
    space: Space
    at_once: int


def read_search(config: DictConfig) -> AskedSearch | None:
    """The search of a sweep's composed configuration; None without. ConfigError for bad input."""
    named = named_search(config, config.hydra.runtime.choices)
    if named is None:
        return None
    name, search = named
    keys = ("hydra.launcher.n_jobs", "hydra.launcher.at_once")  # of joblib, of Ray
    jobs = next(filter(None, (OmegaConf.select(config, key) for key in keys)), 1)
    return AskedSearch(
        name=name,
        search=search,
        space=read_space(search),
        at_once=jobs if jobs > 0 else os.cpu_count() or 1,
    )


def named_search(config: DictConfig, choices: Mapping[str, str]) -> tuple[str, Search] | None:
    """The name of the study and its search; None without. choices: group -> name of its file."""
    choice = choices.get(SEARCH)
    if choice is None:
        return None
    node = OmegaConf.select(config, SEARCH)
    if not isinstance(node, DictConfig):
        raise ConfigError(
            f"+{SEARCH}={choice}: its file has no node {SEARCH}; begin it with the line "
            f"# @package _global_ and write {SEARCH}: below it"
        )
    search = parse_search(OmegaConf.to_container(node, resolve=True))
    return search.study or choice.replace("/", "-"), search


def job_keys(study: str, search: Search, number: int) -> tuple[str, ...]:
    """What the job of a trial is told of its study.

    Its configuration has the search's file: what the command line has set of it, it lacks.
    """
    asked = search.model_dump(include={"pruner", "min_epochs", "storage"})
    told = {"study": study, "objective": list(search.objective), **asked}
    return (
        f"+trial={number}",
        *(f"++{SEARCH}.{key}={for_hydra(one)}" for key, one in told.items()),
    )


def check_request(request: SweepRequest, space: Space) -> None:
    """ConfigError if the command line lists values, or sets what the search chooses."""
    if len(request.rows) > 1 or len(request.seeds) > 1:
        swept = [*next(iter(request.rows.values())), *(f"seed={one}" for one in request.seeds)]
        raise ConfigError(
            f"{override_key(swept[0])}: has several values, and a search chooses itself; give one, "
            "or write choice(...) in its space"
        )
    if fixed := [one for one in request.shared if override_key(one) in space.keys]:
        raise ConfigError(
            f"{as_typed(fixed[0])}: the search chooses it; leave it out, or search without it"
        )
