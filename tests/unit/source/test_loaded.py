"""Code that was changed while it runs is not taken for what is on the disk."""

import importlib
import sys

import pytest

from titn.source.digest import source_digest
from titn.source.loaded import SourceChangedError
from titn.source.remembered import forget_source

CODE = "def rate():\n    return 1\n"


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """The digest of a user's own module, as planning asks for it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "own_rate.py").write_text(CODE)

    def asked() -> str:
        forget_source()
        return source_digest(frozenset(["own_rate.rate"]))

    yield asked
    sys.modules.pop("own_rate", None)


def test_what_runs_and_was_changed_is_named(digest, tmp_path):
    importlib.import_module("own_rate")
    first = digest()
    assert digest() == first
    (tmp_path / "own_rate.py").write_text("# The rate.\n" + CODE)
    assert digest() == first
    (tmp_path / "own_rate.py").write_text(CODE.replace("1", "2"))
    with pytest.raises(
        SourceChangedError, match=r"own_rate\.py: has changed since .* command again"
    ):
        digest()
    (tmp_path / "own_rate.py").write_text(CODE)
    assert digest() == first


def test_what_was_imported_anew_may_have_changed(digest, tmp_path):
    module = importlib.import_module("own_rate")
    first = digest()
    (tmp_path / "own_rate.py").write_text(CODE.replace("1", "2"))
    importlib.reload(module)
    assert digest() != first


def test_what_does_not_run_here_may_change(digest, tmp_path):
    first = digest()
    (tmp_path / "own_rate.py").write_text(CODE.replace("1", "2"))
    assert digest() != first
