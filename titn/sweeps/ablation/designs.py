"""The rows of each design: which changes they have."""

from collections.abc import Sequence

from titn.records.ablation import FROM, TO, State


def ends(num: int) -> dict[str, State]:
    return {FROM: (False,) * num, TO: (True,) * num}


def leave_one_out(names: Sequence[str]) -> dict[str, State]:
    """The better configuration, each change taken back from it, and the baseline."""
    states = [tuple(j != i for j in range(len(names))) for i in range(len(names))]
    single = {f"{TO} without {name}": state for name, state in zip(names, states, strict=True)}
    both = ends(len(names))
    return {TO: both[TO], **single, FROM: both[FROM]}


def add_one_in(names: Sequence[str]) -> dict[str, State]:
    """The baseline, each change made to it alone, and the better configuration."""
    states = [tuple(j == i for j in range(len(names))) for i in range(len(names))]
    single = {f"{FROM} with {name}": state for name, state in zip(names, states, strict=True)}
    both = ends(len(names))
    return {FROM: both[FROM], **single, TO: both[TO]}


def factorial(names: Sequence[str], states: Sequence[State]) -> dict[str, State]:
    """These states by their names; both configurations are among the rows, if need be besides."""
    both = ends(len(names))
    middle = [state for state in states if state not in both.values()]
    named = {row_name(names, state): state for state in middle}
    return {FROM: both[FROM], **named, TO: both[TO]}


def path(names: Sequence[str], order: Sequence[int]) -> dict[str, State]:
    """From the baseline to the better configuration, a change a step, in this order.

    The last step is the better configuration itself.
    """
    both = ends(len(names))
    steps = {
        step_label(names, order[: i + 1]): state_of(order[: i + 1], len(names))
        for i in range(len(order))
        if i + 1 < len(names)
    }
    return {FROM: both[FROM], **steps, TO: both[TO]}


def step_label(names: Sequence[str], taken: Sequence[int]) -> str:
    return f"step {len(taken)}: {names[taken[-1]]}"


def state_of(taken: Sequence[int], num: int) -> State:
    return tuple(i in taken for i in range(num))


def row_name(names: Sequence[str], state: State) -> str:
    """What a row of these changes is called in a factorial design."""
    if not any(state):
        return FROM
    if all(state):
        return TO
    return " + ".join(name for name, has in zip(names, state, strict=True) if has)
