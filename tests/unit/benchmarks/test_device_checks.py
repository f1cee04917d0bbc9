"""What device_checks.py says of checks that fail, or are cut short."""

import json
import sys


def test_a_call_adds_to_what_calls_before_it_found(script, tmp_path, monkeypatch):
    checks = script("device_checks")

    def good(runs):
        yield checks.Finding("good one", 0.5, 1.0)

    def bad(runs):
        yield checks.Finding("bad one", 2.0, 1.0)
        raise checks.CheckError("the run x ended with exit code 3")

    def call(*made) -> tuple[int, dict]:
        monkeypatch.setattr(checks, "CHECKS", made)
        names = ",".join(check.__name__ for check in made)
        words = ["--work", str(tmp_path), "--json", str(tmp_path / "found.json"), "--checks", names]
        monkeypatch.setattr(sys, "argv", ["device_checks.py", *words])
        code = checks.main()
        entries = json.loads((tmp_path / "found.json").read_text())
        return code, {entry["check"]: entry["passed"] for entry in entries}

    assert call(bad) == (1, {"bad one": False, "bad": False})
    assert call(good) == (0, {"bad one": False, "bad": False, "good one": True})

    def mended(runs):
        yield checks.Finding("bad one", 0.0, 1.0)

    mended.__name__ = "bad"
    assert call(mended) == (0, {"bad one": True, "good one": True})
    monkeypatch.setattr(checks, "code", lambda: "other code")
    assert call(good) == (0, {"good one": True})
