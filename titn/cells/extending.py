"""A finished run, trained longer: another run, which begins with the weights of the first."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titn.cells.identity import with_teachers
from titn.cells.reopen import FinishedRun, open_run
from titn.config.checks import check_effects, check_places
from titn.config.compose import choices_with, compose_with_choices
from titn.config.keys import GROUPS
from titn.config.resolve import resolve_recorded
from titn.config.respell import overrides_of
from titn.config.spelling import as_typed, for_hydra
from titn.config.suggestions import called_elsewhere, no_such_key
from titn.records import hub_folder
from titn.system.errors import ConfigError
from titn.training import hardware

# Between the seed of a run and that of its extension: a sweep has fewer seeds than this.
SEED_STEP = 1000
# What an extension sets itself -> what to do instead.
OWN_KEYS = {
    "epochs": "--more says how many",
    "checkpoint": "these are the weights of the run that is extended",
    "weights": "these are the weights of the run that is extended",
}
# Keys of a teacher that are its student's where they are not given (conf/base_teacher.yaml).
FOLLOWING = (
    "device", "devices", "runs_dir", "eval_every", "checkpoint_secs", "tracker", "tensorboard",
    "compile", "fold_teacher", "keep_labels", "deterministic", "retry",
)  # fmt: skip


@dataclass(frozen=True)
class Extension:
    """parent: the run that is extended. run: what is trained, as `resolve` returns it."""

    parent: FinishedRun
    run: dict

    @property
    def epochs_before(self) -> int:
        """The epochs that the parent was trained."""
        result = self.parent.result
        return result.get("stopped_after") or result["epochs"]

    @property
    def epochs_in_all(self) -> int:
        return self.epochs_before + self.run["epochs"]

    def from_the_start(self) -> list[str] | None:
        """Overrides of the run of as many epochs in one, beside these; None where not known."""
        whole = self.parent.run | {"epochs": self.epochs_in_all, "patience": None}
        whole["teacher"] = self.run["teacher"]  # with its choices
        device = hardware.device(self.run["device"])
        if whole["precision"] == hardware.precision("auto", device):
            whole["precision"] = "auto"
            if whole["teacher"] and whole["teacher"]["precision"] == self.run["precision"]:
                whole["teacher"] = whole["teacher"] | {"precision": "auto"}
        found = overrides_of(whole)
        if found is None:
            return None
        if not any(one.startswith("epochs=") for one in found):
            found.append(f"epochs={self.epochs_in_all}")  # a default, and what it is about
        return [*found, *self._place()]

    def _place(self) -> list[str]:
        """Where the runs lie, if it is not where a command puts them."""
        place, usual = Path(self.run["runs_dir"]), compose_with_choices([])[0]["runs_dir"]
        is_usual = place.resolve() == Path(usual).resolve()
        return [] if is_usual else [f"runs_dir={for_hydra(str(place))}"]


def plan_extension(
    path: Path, more: int, changes: Mapping[str, Any], trust: bool = False
) -> Extension:
    """The run that trains a finished one for `more` epochs.

    It has the configuration of the first, and draws by another seed: with the same one the first
    epochs would show the same images in the same order, mixed alike. It lies beside the first one.

    changes: dotted keys that are to be otherwise. trust: see `open_run`. Raises ConfigError if
    there is no finished run, or no weights, or a key cannot be changed.
    """
    parent = open_run(path, trust)
    if hub_folder.is_one(path):
        raise ConfigError(
            f"{path}: is a folder for the hub, not a run; extend the run that it was made of"
        )
    if not parent.directory.weights.is_file():
        raise ConfigError(
            f"{path}: has a record but no weights; put weights.safetensors back, or make the run "
            "again with force=true"
        )
    if path.name in ("", "..") or path.is_symlink():  # no name of a run's directory
        path = path.resolve()
    run = copy.deepcopy(parent.run) | {
        "epochs": more,
        "checkpoint": str(path),
        "weights": None,
        "seed": (parent.run["seed"] + SEED_STEP) % 2**32,
        "run_dir": None,
    }
    teacher_choices = _teacher_choices(parent.directory.config())
    for each in with_teachers(run):
        each |= {"force": False, "retry": None}
        if path.resolve().name == parent.result["config_hash"]:
            each["runs_dir"] = str(path.parent)
    for key, value in changes.items():
        _change(run, key, value, path)
    _let_teachers_follow(run, changes)
    run = resolve_recorded(run)
    # They name a teacher in records; what is checked anew has none.
    for each, choices in zip(list(with_teachers(run))[1:], teacher_choices, strict=True):
        each["choices"] = choices or each["choices"]
    check_effects(run)
    check_places(run)
    return Extension(parent, run)


def _teacher_choices(config: dict) -> list[dict | None]:
    """As config.yaml has them."""
    found, node = [], config.get("teacher")
    while isinstance(node, dict):
        found.append(node.get("choices"))
        node = node.get("teacher")
    return found


def _change(run: dict, key: str, value: Any, path: Path) -> None:
    """Set a key that is there; ConfigError for any other."""
    typed = f"{key}={as_typed(value)}"
    if key in OWN_KEYS:
        raise ConfigError(f"{typed}: {OWN_KEYS[key]}; leave it out")
    if key == "model":
        raise ConfigError(f"{typed}: the weights are those of the run's network; leave it out")
    if key.partition("@")[0].rpartition(".")[2] in (*GROUPS, "teacher", "protocol"):
        raise ConfigError(
            f"{typed}: an extension has the parts of its run; set a key of them, as "
            f"optimizer.lr=1e-4, or begin another run with titn train checkpoint={path} ..."
        )
    *groups, last = key.split(".")
    node: Any = run
    for name in groups:
        node = node.get(name) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last not in node or last.startswith("_"):
        raise ConfigError(f"{typed}: {_no_such_key(key, run)}")
    node[last] = value


def _no_such_key(key: str, run: dict) -> str:
    """Of a key that only another choice would have: an extension cannot choose it."""
    known, (path, _, name) = list(_keys(run)), key.rpartition(".")
    group = path.removeprefix("teacher.")
    if group in GROUPS and choices_with(group, name) and not called_elsewhere(key, known):
        return f"the run's {path} has no such key, and an extension has its parts; leave it out"
    return no_such_key(key, known)


def _keys(node: dict, prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        if key == "choices" or key.startswith("_"):
            continue
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _let_teachers_follow(run: dict, changes: Mapping[str, Any]) -> None:
    """What is changed of a student is changed of its teacher, as far as it follows it."""
    teacher = run["teacher"]
    if teacher is None:
        return
    for key, value in changes.items():
        if key in FOLLOWING and f"teacher.{key}" not in changes:
            teacher[key] = value
    if any(key.startswith("dataset.") for key in changes):
        teacher["dataset"] = copy.deepcopy(run["dataset"])
