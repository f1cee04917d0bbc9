"""Which networks are timed for a question that measures latency."""

from types import SimpleNamespace

import pytest

from titn.sweeps import latencies
from titn.sweeps.overrides import SweepRequest
from titn.sweeps.plan import SweepPart

ROWS = {"A": ("model=vit",), "B": ("model=deit",), "C": ("model=tnt",)}


@pytest.fixture
def timed(monkeypatch, planned):
    """Asks for rows; returns those that were timed, and those that are recorded then."""
    recorded: dict = {}
    directory = SimpleNamespace(
        latency=lambda setting: recorded or None,
        add_latency=lambda setting, times: recorded.update(times),
    )
    question = SimpleNamespace(rows=ROWS)
    monkeypatch.setattr(latencies, "plan_setting", lambda *arguments: None)
    monkeypatch.setattr(latencies, "plan_cell", lambda sweep, planner, one: planned(one.row))

    networks = dict.fromkeys(ROWS, "first")
    monkeypatch.setattr(
        latencies, "network_key", lambda cell: networks[cell.directory.path.name[0]]
    )

    def ask(*rows: str, force: bool = False, edited: str = "") -> tuple[list[str], list[str]]:
        found: list[str] = []
        networks.update({edited: "edited"} if edited else {})

        def time_networks(cells: dict) -> dict:
            found.extend(cells)
            return {"rows": {row: {} for row in cells}, "networks": dict(networks)}

        monkeypatch.setattr(latencies, "time_networks", time_networks)
        sweep = SimpleNamespace(directory=directory, question=question, force=force)
        request = SweepRequest((), {row: ROWS[row] for row in rows}, ("0", "1"))
        part = SweepPart(request, [planned(row, seed) for seed in (0, 1) for row in rows])
        latencies.record_latencies(sweep, None, part)
        return sorted(found), sorted(recorded["rows"])

    return ask


def test_rows_that_are_recorded_are_not_timed_again(timed):
    assert timed("A", "B") == (["A", "B"], ["A", "B"])
    assert timed("A") == ([], ["A", "B"])


def test_a_new_row_takes_turns_with_all_that_were_timed_before(timed):
    timed("A", "B")
    assert timed("C") == (["A", "B", "C"], ["A", "B", "C"])


def test_force_times_all_again(timed):
    timed("A", "B")
    assert timed("A", force=True) == (["A", "B"], ["A", "B"])


def test_another_network_in_a_row_is_timed_and_all_others_with_it(timed):
    timed("A", "B")
    assert timed("B", edited="B") == (["A", "B"], ["A", "B"])
    assert timed("B") == ([], ["A", "B"])
