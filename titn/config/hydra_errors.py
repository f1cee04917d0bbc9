"""What Hydra says of a command line, in one line with the key and the remedy."""

import difflib
import re
import warnings
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from traceback import walk_tb

from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from titn.config.compose import (
    choices_in,
    choices_of,
    choices_with,
    compose_config,
    known_keys,
)
from titn.config.hydra_arguments import check_arguments
from titn.config.keys import FOLLOWED, FOLLOWED_BY_FAST_CNNS, GROUPS
from titn.config.overrides import override_key
from titn.config.own_files import explain_own_file, own_dirs
from titn.config.plugins import plugin_missing
from titn.config.resolve import omegaconf_message
from titn.config.suggestions import LIKENESS, no_such_key
from titn.config.unreadable import explain_several, explain_unreadable
from titn.system.errors import CellError, ConfigError, one_line

# Hydra's sentences about an argument, and ours. Braces stand for what the parentheses caught.
SENTENCES = (
    (r"Sweep parameters '(.*)' requires --multirun", "{}: is a sweep; add --multirun"),
    (
        r"Sweeping over Hydra's configuration is not supported : '(.*)'",
        "{}: Hydra's own settings cannot be swept; give one value",
    ),
    (
        r"Override (.*) looks like a config group override, but config group '(.*)' does not",
        "{}: there is no group {}; --help lists the groups and keys",
    ),
    (
        r"The value of '(.*)' is (.*) and not (.*)\.$",
        "~{}: is {} and not {}; leave the value out",
    ),
    (r"Could not delete '(.*)'\. No match", "~{}: is not chosen; leave it out"),
    (
        r"Could not delete from config\. '(.*)' does not exist",
        "~{}: there is no such key; --help lists the groups and keys",
    ),
    (
        r"Could not append to config\. An item is already at '(.*?)'",
        "+{}: is there; leave out the +",
    ),
    (
        r"force-add of config groups is not supported: '(.*)'",
        "{}: is a group; choose with GROUP=CHOICE, and a question with +ablation=NAME",
    ),
    (r"Multiple values for ([^ ]*)\. To override", "+{}: is chosen already; leave out the +"),
    (
        r"Cannot find primary config '(.*)'\. Check",
        "--config-name={}: there is no such file; leave it out",
    ),
    (
        r"Primary config (?:directory|module) ?(?:'.*')? ?(?:not found|is empty)",
        "--config-path: there is no such directory; leave it out",
    ),
    (
        r"hydra\.searchpath must be a list of strings\. Got: (.*)",
        "hydra.searchpath={}: should be a list, as [file:///DIR]",
    ),
    (
        r"provider=.*, path=(.*) is not\s+available",
        "hydra.searchpath={}: there is no such directory; name one, as [file:///DIR]",
    ),
    (
        r"overriding with `hydra\.mode=MULTIRUN`",
        "hydra.mode=RUN: contradicts --multirun; choose one",
    ),
)


@contextmanager
def explaining(arguments: Sequence[str]) -> Iterator[None]:
    """What Hydra raises, or warns of, because of a command line becomes a ConfigError of one line.

    What it raises from within a job is the job's, and comes through as it is.
    """
    check_arguments(arguments)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "error", category=UserWarning, module=r"hydra\._internal\.(config_loader|utils)"
            )
            yield
    except (ConfigError, CellError):
        raise
    except Exception as error:
        if not isinstance(error, HydraException | OmegaConfBaseException) and _is_ours(error):
            raise
        raise ConfigError(explain(error, arguments)) from error


def _is_ours(error: Exception) -> bool:
    """Whether it was raised in what Hydra has called, and not by Hydra because of what it read."""
    names = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    inside = names[next((i for i, name in enumerate(names) if _is_of("hydra", name)), 0) :]
    return any(_is_of("titn", name) or _is_of("hydra_plugins", name) for name in inside)


def _is_of(package: str, module: str) -> bool:
    return module.partition(".")[0] == package


def explain(error: Exception, arguments: Sequence[str]) -> str:
    """A complaint about a command line, as one line with key, value and remedy.

    arguments: the command line, from which the value is taken where Hydra does not repeat it.
    """
    text = str(error)
    if said := explain_own_file(error, arguments):
        return said
    unchosen = re.match(r"Could not override '([^@]*)'\. No match in the defaults list", text)
    if unchosen:
        typed = _as_typed(unchosen[1], arguments)
        return f"{typed}: nothing of {unchosen[1]} is chosen yet; write +{typed}"
    if text.startswith("Could not override '") or "': Could not override '" in text:
        key = text.partition("Could not override '")[2].split("'")[0]
        return f"{_as_typed(key, arguments)}: {_no_such_key(key, arguments)}"
    for said in ("Could not find '", "Could not load '"):
        if said in text:
            return _no_such_choice(text.split(said)[1].split("'")[0], arguments)
    if isinstance(error, OverrideParseException):
        evaluated = re.search(r"while evaluating '.*': (.*)", text)
        said = f"{error.override}: {evaluated[1]}" if evaluated else ""
        return explain_unreadable(error.override, said, partial(_unknown_key, arguments))
    if ambiguous := re.search(r"Ambiguous value for argument '(.*)'\n1\. To use", text, re.DOTALL):
        return explain_several(ambiguous[1])
    for pattern, sentence in SENTENCES:
        if found := re.search(pattern, text, re.DOTALL):
            return sentence.format(*found.groups())
    return _of_a_value(error, arguments)


def _unknown_key(arguments: Sequence[str], key: str) -> str | None:
    """What is said of a key that no configuration has; None of others, and of Hydra's own."""
    known = [*known_keys(arguments), *known_keys()]
    if key in known or key.startswith("hydra") or "@" in key or "/" in key:
        return None
    return _no_such_key(key, arguments)


def _of_a_value(error: Exception, arguments: Sequence[str]) -> str:
    """Of an argument that can be read, and whose value something does not take."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    merged = re.search(r"Error merging override (.*)", str(error), re.DOTALL)
    typed = merged[1] if merged else _culprit(error, arguments)
    if isinstance(cause, OSError):
        said = f"{cause.strerror or cause}; choose another place"
    elif isinstance(cause, RecursionError):
        said = "is nested too deeply; write it flat"
    elif isinstance(cause, OmegaConfBaseException):
        said = omegaconf_message(cause)
    elif "Config group override" in str(error):
        said = "is a group; choose one of its files, as GROUP=NAME; --help lists them"
    else:
        said = f"{one_line(str(cause)) or type(cause).__name__}; --help lists the groups and keys"
    return f"{typed}: {said}" if typed and not said.startswith(f"{override_key(typed)}:") else said


def _culprit(error: Exception, arguments: Sequence[str]) -> str | None:
    """The first override with which composing fails like this; or else one about Hydra itself."""
    overrides = [one for one in arguments if one[:1] != "-"]

    def fails(count: int) -> bool:
        try:
            compose_config(overrides[:count])
        except type(error):
            return True
        except Exception:  # another mistake, which is not the one to explain
            return False
        return False

    first = bisect_left(range(len(overrides) + 1), True, key=fails)
    if 0 < first <= len(overrides):
        return overrides[first - 1]
    about_hydra = [one for one in overrides if override_key(one).startswith("hydra")]
    return about_hydra[-1] if about_hydra else None


def _as_typed(key: str, arguments: Sequence[str]) -> str:
    typed = (argument for argument in arguments if argument.lstrip("+~").startswith(f"{key}="))
    return next(typed, key)


def _no_such_choice(wanted: str, arguments: Sequence[str]) -> str:
    """Of a file that is not there: group/choice, as Hydra looked for it."""
    group, _, choice = wanted.rpartition("/")
    for argument in arguments:
        key, _, value = argument.lstrip("+~").partition("=")
        if wanted == f"{key.partition('@')[0]}/{value}":
            group, choice = key, value
    if missing := plugin_missing(group, choice):
        return f"{group}={choice}: {missing}"
    plain_group, own = group.partition("@")[0], own_dirs(arguments)
    for directory in own:
        if (directory / plain_group / f"{choice}.yml").is_file():
            return f"{group}={choice}: Hydra reads no .yml; rename {choice}.yml to {choice}.yaml"
    of_hydra = ("basic", "joblib") if group == "hydra/launcher" else ()
    choices = sorted({*choices_of(plain_group), *choices_in(own, plain_group), *of_hydra})
    near = difflib.get_close_matches(choice.lower(), choices, n=1, cutoff=LIKENESS)
    meant = f"did you mean {group}={near[0]}? --help lists all" if near else ""
    listed = f"choose one of {', '.join(choices)}" if choices else "see --help"
    timm = f", or any of timm's as {group}=timm {group}.name=NAME" if group == "model" else ""
    return f"{group}={choice}: there is no such choice; {meant or listed}{timm}"


def _no_such_key(key: str, arguments: Sequence[str]) -> str:
    """Of a key that the composed configuration does not have: mistyped, or another choice's."""
    group, _, package = key.partition("@")
    for node, source in FOLLOWED.items():
        if package == node or key == node or key.startswith(f"{node}."):
            instead = source if group == source else key.replace(node, source)
            fast = FOLLOWED_BY_FAST_CNNS.get(node)
            remark = f", or {key.replace(node, fast)} for airbench and resnet9" if fast else ""
            return f"a teacher follows {source} there; set {instead}{remark}"
    if key.startswith("hydra.launcher."):
        own = [one for one in ("hydra/launcher=slurm", "hydra/launcher=ray") if one in arguments]
        if own:
            return f"{own[-1]} has no such key; docs/clusters.md lists them"
        return "the chosen launcher has no such key; add hydra/launcher=joblib, ray or slurm"
    if key.startswith("hydra."):
        return "Hydra has no such key; --cfg hydra lists them, and +KEY=VALUE adds one"
    group, _, name = key.rpartition(".")
    known = known_keys(arguments)
    if group in GROUPS and choices_with(group, name):
        return no_such_key(key, known)
    if group == "teacher.model":
        networks = choices_with("model", name)
        if owners := [teacher for teacher in choices_of("teacher") if teacher in networks]:
            return f"the teacher has no such key; choose teacher={' or '.join(owners)}"
    if key in known and "teacher." in key:
        return "there is none without a teacher; choose one, as teacher=vgg16_bn"
    if key in known:
        group = key.partition(".")[0]
        return f"there is no {group}; choose one, as {group}=NAME"
    # A transformer as teacher has the keys of the model, which is one.
    known += [f"teacher.{one}" for one in known if one.startswith("model.")]
    return no_such_key(key, known)
