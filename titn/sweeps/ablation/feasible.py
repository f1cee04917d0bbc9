"""Which rows of a design can be composed at all, and which changes to tie if some cannot."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations

from titn.records.ablation import Design, State
from titn.sweeps.ablation.changes import Compose, Cut
from titn.system.errors import ConfigError, first_line

# Up to so many changes all ties of three, and all combinations, are tried.
FEW = 8


def why_impossible(found: Cut, states: Iterable[State], compose: Compose) -> dict[State, str]:
    """State -> why its configuration is refused; without those that are possible."""
    reasons = {}
    for state in states:
        try:
            compose(found.overrides(state))
        except ConfigError as error:
            reasons[state] = first_line(error)
    return reasons


def split_rows(
    rows: Mapping[str, State], reasons: Mapping[State, str]
) -> tuple[dict[str, State], dict[str, str]]:
    """The possible rows, and label -> reason of the others."""
    possible = {label: state for label, state in rows.items() if state not in reasons}
    return possible, {label: reasons[state] for label, state in rows.items() if state in reasons}


def mending_ties(names: Sequence[str], design: Design, found: Cut, compose: Compose) -> str | None:
    """The fewest ties under which all rows of a design are possible, as an override.

    None if two ties of two changes, or one of three, are not enough.
    """

    @cache
    def is_possible(state: State) -> bool:
        return not why_impossible(found, [state], compose)

    for groups in _partitions(len(names)):
        # What is known to be impossible first: most partitions fail by it, without composing.
        if all(map(is_possible, _states(groups, design, len(names)))):
            # A change that is a tie already is named by all that it ties.
            members = [[part for i in group for part in names[i].split("+")] for group in groups]
            ties = [f"[{','.join(tie)}]" for tie in members if len(tie) > 1]
            return f"ties=[{','.join(ties)}]"
    return None


def _partitions(num: int) -> Iterator[list[tuple[int, ...]]]:
    """Of so many changes, with one tie of two, then with one of three or two of two."""
    pairs = list(combinations(range(num), 2))
    ties: list[tuple[tuple[int, ...], ...]] = [(pair,) for pair in pairs]
    if num <= FEW:
        ties += [(triple,) for triple in combinations(range(num), 3)]
        ties += [two for two in combinations(pairs, 2) if not {*two[0]} & {*two[1]}]
    for tie in ties:
        tied = {i for group in tie for i in group}
        yield [*tie, *((i,) for i in range(num) if i not in tied)]


def _states(groups: Sequence[tuple[int, ...]], design: Design, num: int) -> Iterator[State]:
    """The rows of a design whose changes are these groups; the single ones first."""
    for group in groups:
        if design != "add_one_in":
            yield tuple(i not in group for i in range(num))
        if design != "leave_one_out":
            yield tuple(i in group for i in range(num))
    if design in ("factorial", "path") and len(groups) <= FEW:
        for size in range(2, len(groups) - 1):
            for chosen in combinations(groups, size):
                yield tuple(any(i in group for group in chosen) for i in range(num))
