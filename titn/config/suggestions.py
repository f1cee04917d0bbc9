"""The key that is meant by what other tools call it, or by a slip of the keyboard."""

import difflib
from collections.abc import Sequence

from titn.config.compose import choices_with
from titn.config.keys import GROUPS
from titn.config.names_elsewhere import ELSEWHERE, NOT_HERE

# What is longer resembles no key, and would take long to compare.
LONGEST_KEY = 100
# So alike are a key and what somebody types for it (difflib's ratio): modle, dept, epoch.
LIKENESS = 0.7
# The last parts of keys are shorter, and more alike by chance.
LIKENESS_OF_NAMES = 0.8

SEE_HELP = "--help lists the groups and keys"


def no_such_key(key: str, known: Sequence[str]) -> str:
    """What is said of a key that there is not, or that only other choices have."""
    group, _, name = key.rpartition(".")
    if group in GROUPS and (owners := choices_with(group, name)):
        meant = called_elsewhere(key, known)
        return meant or f"the chosen {group} has no such key; choose {group}={' or '.join(owners)}"
    return f"there is no such key; {suggestion(key, known)}"


def suggestion(key: str, known: Sequence[str]) -> str:
    """A remedy for a key that there is not. known: the keys that could stand in its place."""
    key = (key.partition("@")[2] or key)[:LONGEST_KEY]
    name, of_teacher = _leaf(key)
    if name in NOT_HERE:
        return NOT_HERE[name]
    meant = _keys_called(key, known) + ELSEWHERE.get(name, [])
    if of_teacher:
        meant = ["teacher" if one == "model" else f"teacher.{one}" for one in meant]
    there = [one for one in meant if one in known]
    alike = difflib.get_close_matches(key, known, n=1, cutoff=LIKENESS)
    names = {_leaf(one)[0]: one for one in sorted(known, key=_dots, reverse=True)}
    slips = difflib.get_close_matches(name, [*names, *ELSEWHERE], n=1, cutoff=LIKENESS_OF_NAMES)
    slips = [names.get(one) or ELSEWHERE[one][0] for one in slips]
    found = [one for one in (*there, *alike, *meant, *slips) if one != key]
    return f"did you mean {found[0]}?" if found else SEE_HELP


def called_elsewhere(key: str, known: Sequence[str]) -> str | None:
    """A remedy for what other tools call a key; None if it is no such name."""
    meant = [one for one in ELSEWHERE.get(_leaf(key)[0], []) if one in known]
    return f"did you mean {meant[0]}?" if meant else None


def _leaf(key: str) -> tuple[str, bool]:
    """The last part of a key, in small letters and without "_"; whether it is a teacher's."""
    path, _, last = key.lower().replace("-", "_").rpartition(".")
    name = last.replace("_", "")
    if name in ELSEWHERE or not name.startswith("teacher") or name == "teacher":
        return name, path.startswith("teacher")
    return name.removeprefix("teacher"), True


def _keys_called(key: str, known: Sequence[str]) -> list[str]:
    """The keys with the last part of a key: those that are known, and those of other choices."""
    last = key.rpartition(".")[2]
    there = [one for one in known if _leaf(one) == (_leaf(key)[0], False)]
    return [
        *sorted(there, key=_dots),
        *(f"{group}.{last}" for group in GROUPS if choices_with(group, last)),
    ]


def _dots(key: str) -> int:
    return key.count(".")
