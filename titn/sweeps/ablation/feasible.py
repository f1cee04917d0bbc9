"""Which rows of a design can be composed at all, and which changes to tie if some cannot."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from titn.records.ablation import State
from titn.sweeps.ablation.changes import Compose, Cut
from titn.system.errors import ConfigError, first_line


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


def mending_ties(names: Sequence[str], impossible: Iterable[State]) -> str:
    """Ties under which no row is in an impossible state, as an override of the command line."""
    groups = [{i} for i in range(len(names))]
    left = list(impossible)
    while left:
        # The pair that most of them split.
        pairs = combinations(range(len(names)), 2)
        first, second = max(pairs, key=lambda pair: sum(_splits(state, pair) for state in left))
        left = [state for state in left if not _splits(state, (first, second))]
        joined = [group for group in groups if group & {first, second}]
        groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    ties = [[names[i] for i in sorted(group)] for group in groups if len(group) > 1]
    return f"ties=[{','.join(f'[{chr(44).join(tie)}]' for tie in ties)}]"


def _splits(state: State, pair: tuple[int, int]) -> bool:
    return state[pair[0]] != state[pair[1]]
