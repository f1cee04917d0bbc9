"""What a search is about to do: its space, its study, what is left to make and for how long."""

from titn.sweeps.announce import pending_run
from titn.sweeps.estimate import TimeEstimator
from titn.sweeps.plan import SweepCell
from titn.sweeps.search import study
from titn.sweeps.search.read import AskedSearch
from titn.sweeps.search.storage import place_of
from titn.sweeps.sweep import Sweep
from titn.sweeps.trial_cells import TrialCells
from titn.system.progress import duration, say
from titn.system.text import counted


def announce_search(sweep: Sweep, trials: TrialCells, probe: SweepCell) -> None:
    """Print it; with dry_run=true, after which nothing comes, what is to be made as well."""
    assert sweep.search is not None
    search = sweep.search.search
    say(f"{sweep.name}: {search.title} ({probe.cell.describe()}; {_budget(sweep.search)})")
    for key in sweep.search.space.keys:
        say(f"  {key}: {', '.join(_domains(sweep.search, key))}")
    if sweep.dry_run:
        say(f"  its study: {place_of(sweep.directory.path, search)}")
        for line in _plan_lines(sweep, trials, probe):
            say(f"  {line}")


def _plan_lines(sweep: Sweep, trials: TrialCells, probe: SweepCell) -> list[str]:
    """What is left to do, by the first possible configuration, and about how long it takes."""
    assert sweep.search is not None
    search, known = sweep.search.search, sweep.directory.trials()
    told = [one for one in known.trials if one.outcome != study.IMPOSSIBLE] if known else []
    left = max(0, search.trials - len(told))
    lines = [f"{counted(left, 'trial')} of {search.trials} to make{_about(sweep, [probe] * left)}"]
    if search.confirm:
        seeds = search.fresh_seeds(probe.cell.run["seed"])
        cells = [trials.on_test(probe)] * (search.confirm + 1) * len(seeds)
        lines.append(
            f"then the best {search.confirm} and the defaults on test, with seeds "
            f"{', '.join(map(str, seeds))}: {counted(len(cells), 'cell')} and a candidate"
            f"{_about(sweep, cells)}"
        )
    return lines


def _about(sweep: Sweep, cells: list[SweepCell]) -> str:
    """How long cells take one after another, if past cells tell."""
    estimator, pending = TimeEstimator(sweep.runs_dir), [pending_run(one.cell) for one in cells]
    secs, unknown = estimator.total(pending)
    if not secs or unknown:
        return ""
    return f", about {duration(secs)} going by {estimator.source(pending)}"


def _budget(asked: AskedSearch) -> str:
    search = asked.search
    hours = f" or {search.hours:g} hours" if search.hours is not None else ""
    return f"{search.sampler}, {counted(search.trials, 'trial')}{hours}"


def _domains(asked: AskedSearch, key: str) -> list[str]:
    """What a key is chosen from, as the file has it, and where it depends on another."""
    search = asked.search
    parts = [f"{part[key]} where {when}" for when, part in search.when.items() if key in part]
    return [search.space[key]] if key in search.space else parts
