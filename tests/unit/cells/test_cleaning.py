"""What takes disk, and what of it can go."""

import os
import subprocess
import sys

import pytest
from filelock import FileLock

import titn
from titn import clean as door
from titn.cells import cleaning
from titn.cells.cleaning import find_items, remove
from titn.cells.identity import run_source_digest
from titn.records.run_dir import RunDir
from titn.system.errors import ConfigError
from titn.system.locks import Lock
from titn.training.answer_cache import Labels, Logits

ANSWERS = "a" * 64


def begun(runs, name: str, digest: str | None = None) -> RunDir:
    """A half-done run of this code, or of other code, with a checkpoint of 1000 bytes."""
    config = titn.compose(["model=deit"])
    directory = RunDir(runs / name)
    identity = {
        "config_hash": name, "source_digest": digest or run_source_digest(config),
    }  # fmt: skip
    directory.begin(config | {"precision": "32-true"}, identity)
    directory.checkpoint(7).write_bytes(b"x" * 1000)
    return directory


def recorded(runs, name: str) -> RunDir:
    directory = begun(runs, name)
    digest, epochs = directory.environment()["source_digest"], directory.config()["epochs"]
    result = {
        "config_hash": name, "source_digest": digest, "seed": 0, "epochs": epochs,
        "top1": 0.5, "nll": 1.0,
    }  # fmt: skip
    directory.weights.write_bytes(b"x" * 500)
    directory.finish(result)
    directory.checkpoint(9).write_bytes(b"x" * 2000)  # as after a kill between the two
    return directory


def answers(runs, kind: str = "labels"):
    place = runs / kind / ANSWERS
    place.mkdir(parents=True)
    (place / "epoch-00000.safetensors").write_bytes(b"x" * 300)
    return place


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def sizes(runs) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in find_items(runs):
        found[item.kind] = found.get(item.kind, 0) + item.num_bytes
    return {kind: size for kind, size in found.items() if size and kind != cleaning.REST}


def test_every_kind_is_counted(runs):
    recorded(runs, "r"), begun(runs, "h"), begun(runs, "o", digest="other"), answers(runs)
    found = sizes(runs)
    assert found.pop(cleaning.ORPHANS) > 1000
    assert found == {
        cleaning.WEIGHTS: 500,
        cleaning.CHECKPOINTS: 2000,
        cleaning.HALF_DONE_CHECKPOINTS: 1000,
        cleaning.KEPT_ANSWERS: 300,
    }


def test_what_goes_is_what_nothing_reads_again(runs):
    done, half, orphan = recorded(runs, "r"), begun(runs, "h"), begun(runs, "o", digest="other")
    places = [answers(runs, kind) for kind in cleaning.ANSWERS]
    items = find_items(runs)
    expected = sum(item.num_bytes for item in items if item.can_go)
    assert remove(items) == expected
    assert done.checkpoints() == []
    assert done.result() is not None
    assert done.weights.exists()
    assert len(half.checkpoints()) == 1
    assert not orphan.path.exists()
    assert not any(place.exists() for place in places)
    assert remove(find_items(runs)) == 0


def test_a_held_lock_keeps_a_run_and_the_answers(runs):
    done, orphan, place = recorded(runs, "r"), begun(runs, "o", digest="other"), answers(runs)
    code = (
        f"from filelock import FileLock; lock = FileLock({str(done.lock)!r}); lock.acquire(); "
        "print('held', flush=True); input()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        remove(find_items(runs))
        assert len(done.checkpoints()) == 1
        assert place.exists()
        assert not orphan.path.exists()
        other.communicate(b"\n")
    remove(find_items(runs))
    assert done.checkpoints() == []


def test_a_run_within_a_run_is_none_of_its_files(runs):
    outer, inner = recorded(runs, "r"), begun(runs / "r", "inner")
    remove(find_items(runs))
    assert outer.checkpoints() == []
    assert len(inner.checkpoints()) == 1


@pytest.mark.parametrize("is_held", [False, True])
def test_a_lease_goes_with_its_run_unless_it_is_held(runs, monkeypatch, is_held):
    monkeypatch.setenv("TITN_LOCKS", "lease")
    orphan = begun(runs, "o", digest="other")
    items = find_items(runs)
    lock = Lock(orphan.lock)
    lock.acquire()
    if is_held:
        lock._free_flock()  # what another host would see
    else:
        lock.release()
    remove(items)
    assert orphan.path.exists() is is_held
    lock.release()


def test_a_run_that_is_taken_up_meanwhile_stays(runs):
    orphan = begun(runs, "o", digest="other")
    items = find_items(runs)
    with FileLock(orphan.lock):
        assert remove(items) == 0
    assert len(orphan.checkpoints()) == 1


def test_what_failed_or_diverged_is_kept(runs):
    """It is a result, and reports say so."""
    directory = begun(runs, "f", digest="other")
    directory.fail({"kind": "diverged", "reason": "the loss is nan"})
    remove(find_items(runs))
    assert directory.failure() is not None


def test_code_that_is_not_titns_is_not_looked_for(runs):
    directory = begun(runs, "o", digest="other")
    path = directory.path / "config.yaml"
    path.write_text(path.read_text().replace("titn.models.vit.ViT", "os.system"))
    assert not cleaning.is_orphan(directory)


def test_files_of_ones_own_stay(runs):
    orphan, place = begun(runs, "o", digest="other"), answers(runs)
    for directory in (orphan.path, place):
        (directory / "notes.txt").write_text("mine")
    (runs / "labels" / "mine").mkdir()
    remove(find_items(runs))
    assert [path.name for path in orphan.path.iterdir() if path.name != ".lock"] == ["notes.txt"]
    assert [path.name for path in place.iterdir()] == ["notes.txt"]
    assert (runs / "labels" / "mine").is_dir()


def test_a_link_is_removed_and_not_what_it_leads_to(runs, tmp_path):
    done = recorded(runs, "r")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"x")
    done.checkpoint(11).symlink_to(elsewhere)
    remove(find_items(runs))
    assert elsewhere.exists()
    assert done.checkpoints() == []


def test_names_of_answers_are_those_of_the_cache():
    assert set(cleaning.ANSWERS) == {Labels.name, Logits.name}


def test_dry_by_default(runs, capsys):
    done = recorded(runs, "r")
    # What is given twice is counted once.
    assert door.clean(door._parser().parse_args([str(runs), str(done.path), str(runs)])) == 0
    said = capsys.readouterr()
    assert f"{cleaning.CHECKPOINTS},1,0.0,removed" in said.out
    assert "nothing was removed; --yes removes 0.0 MB" in said.err
    assert len(done.checkpoints()) == 1
    assert door.clean(door._parser().parse_args([str(runs), "--yes", "--list"])) == 0
    assert str(done.path) in capsys.readouterr().out
    assert done.checkpoints() == []


def test_no_such_directory():
    with pytest.raises(ConfigError, match="nowhere: no such directory; give one with runs in it"):
        find_items(door.Path("nowhere"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_what_cannot_be_removed_is_named(runs):
    done = recorded(runs, "r")
    done.lock.touch()
    done.path.chmod(0o500)
    try:
        with pytest.raises(ConfigError, match=r"cannot be removed \(Permission denied\)"):
            remove(find_items(runs))
    finally:
        done.path.chmod(0o700)


def test_a_run_that_was_recorded_meanwhile_stays_whole(runs):
    items = [begun(runs, "o", digest="other")] and find_items(runs)
    orphan = RunDir(runs / "o")
    identity = {key: orphan.environment()[key] for key in ("config_hash", "source_digest")}
    orphan.weights.write_bytes(b"x")
    orphan.finish(identity | {"seed": 0, "epochs": 1, "top1": 0.5, "nll": 1.0})
    assert remove(items) == 0
    assert (orphan.path / "config.yaml").exists()
