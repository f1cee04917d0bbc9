"""The answer of a generated ablation: which change did the work, which could go."""

from collections.abc import Iterator, Sequence

from titn.reporting.answers import Answer
from titn.reporting.comparisons.effects import Effect, Effects
from titn.reporting.comparisons.verdicts import BETTER, EQUAL, UNDECIDED, WORSE
from titn.reporting.formats import margin_text
from titn.reporting.markdown import escape, listed
from titn.reporting.statistics.intervals import Interval
from titn.system.text import counted, percent, points


def ablation_answer(effects: Effects) -> Answer:
    """The way from one configuration to the other, and a sentence for each verdict."""
    return Answer(" ".join(_sentences(effects)), _in_short(effects), _aside(effects))


def with_verdict(effects: Sequence[Effect], verdict: str) -> list[Effect]:
    """Those that have it, the largest first; the ones that nothing is said of have none."""
    found = [one for one in effects if one.verdict == verdict and not one.unjudged]
    return sorted(found, key=lambda one: -abs(one.estimate))


def depending(effects: Effects) -> list[Effect]:
    """Pairs whose interaction is clear, and what single changes clearly do not add up to."""
    clear = [one for one in effects.pairs if one.verdict in (BETTER, WORSE)]
    rest = effects.rest
    return [*clear, *([rest] if rest and rest.verdict in (BETTER, WORSE) else [])]


def _sentences(effects: Effects) -> Iterator[str]:
    total = effects.total
    tops = [percent(float(row.values("top1").mean()), 1) for row in (effects.begin, effects.end)]
    gained = f"{points(total.estimate, 1)} points{_bounds(total.interval)}"
    yield f"From {tops[0]}% to {tops[1]}%: {gained}."
    if helps := with_verdict(effects.changes, BETTER):
        yield f"The work is done by {_numbered(helps)}."
    if hurts := with_verdict(effects.changes, WORSE):
        yield f"Harmful: {_numbered(hurts)}."
    if equal := with_verdict(effects.changes, EQUAL):
        within = margin_text(total.margin)
        yield f"Could go, equal within {within}: {listed([_name(one) for one in equal])}."
    if undecided := with_verdict(effects.changes, UNDECIDED):
        most = percent(max(one.excluded or 0.0 for one in undecided), 1)
        yield f"Undecided: {listed([_name(one) for one in undecided])} (up to {most} points)."
    if pairs := [one for one in depending(effects) if one is not effects.rest]:
        yield f"They depend on each other: {_numbered(pairs)}."
    elif depending(effects):
        assert effects.rest is not None
        yield (
            "They depend on each other: all together give "
            f"{_amount(effects.rest)} points beyond the sum of each."
        )


def _aside(effects: Effects) -> str:
    unjudged = [one for one in effects.changes if one.unjudged]
    lines = [f"{_name(one)} ({escape(one.unjudged)})" for one in unjudged]
    lines += [f"{escape(name)} (no number of its rows)" for name in effects.missing]
    return f"No verdict: {'; '.join(lines)}." if lines else ""


def _in_short(effects: Effects) -> str:
    helps = with_verdict(effects.changes, BETTER)
    parts = [f"{one.name} {points(one.estimate, 1)}" for one in helps[:2]]
    if more := len(helps) - len(parts):
        parts.append(f"{counted(more, 'more change')}")
    if hurts := with_verdict(effects.changes, WORSE):
        parts.append(f"{counted(len(hurts), 'change')} harmful")
    if equal := with_verdict(effects.changes, EQUAL):
        parts.append(f"{len(equal)} could go")
    said = "; ".join(parts) or "no change told apart from nothing"
    return f"{points(effects.total.estimate, 1)} points: {said}."


def _amount(effect: Effect) -> str:
    return f"{points(effect.estimate, 1)}{_bounds(effect.interval)}"


def _numbered(effects: Sequence[Effect]) -> str:
    return listed([f"{_name(one)} {_amount(one)}" for one in effects])


def _bounds(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f" ({points(interval.low, 1)} to {points(interval.high, 1)})"


def _name(effect: Effect) -> str:
    return escape(effect.name)
