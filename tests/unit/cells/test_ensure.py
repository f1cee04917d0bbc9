"""A cell is made once, survives a kill, and refuses what is not its own."""

import dataclasses
import errno
import json
import multiprocessing
import os
import re
import shutil
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from titn.cells import ensure as ensuring
from titn.cells import make, planning, result
from titn.cells.ensure import BusyError, check_refusals, ensure, ensure_recorded
from titn.cells.planning import Planner
from titn.cells.pruning import PrunedError
from titn.cells.recompute import recompute
from titn.cells.reopen import open_run
from titn.data.images import Images
from titn.records.cell_state import cell_state
from titn.records.epochs_and_samples import complete_epochs
from titn.records.run_dir import RunDir, read_json, write_json
from titn.system import tensor_files
from titn.system.errors import CellError, ConfigError
from titn.system.leases import Holder, LockLostError
from titn.training import engine


class Killed(BaseException):
    """Like a kill: not an Exception, so nothing tidies up after it."""


@pytest.fixture
def killed_after_first_epoch(monkeypatch):
    """Kills a run at the start of its second epoch; `.undo()` ends that."""
    train_epoch = engine.train_epoch

    def dying(task, state, *others):
        if state.epoch == 1:
            raise Killed
        return train_epoch(task, state, *others)

    monkeypatch.setattr(engine, "train_epoch", dying)
    return monkeypatch


def weights(directory: RunDir) -> dict[str, torch.Tensor]:
    return load_file(directory.weights)


def samples_of(directory: RunDir) -> dict[str, list]:
    return pq.read_table(directory.path / "samples.parquet").to_pydict()


def agreement(first: list, second: list) -> float:
    return float(np.mean(np.equal(first, second)))


def assert_same_weights(first: RunDir, second: RunDir) -> None:
    for name, tensor in weights(first).items():
        assert torch.equal(tensor, weights(second)[name]), name


def test_a_record_says_what_the_contracts_ask(tiny):
    directory, result = ensure(tiny())
    wanted = """top1 top5 precision recall f1 nll ece cls dist fused best_top1 best_epoch parameters
        macs_paper macs epochs images_per_sec train_secs seed config_hash source_digest git_commit
        teacher""".split()
    assert set(wanted) <= set(result)
    assert set(result["cls"]) == set(result["dist"]) == {"top1", "top5", "nll"}
    assert result["teacher"] is None
    assert directory.path.name == result["config_hash"]
    assert len(result["config_hash"]) == 64
    assert directory.result() == result


def test_a_recorded_cell_is_not_run_again(tiny, monkeypatch):
    _, first = ensure(tiny())
    monkeypatch.setattr(make, "fit", lambda *_: pytest.fail("trained again"))
    assert ensure(tiny())[1] == first


def test_force_begins_anew(tiny):
    directory, _ = ensure(tiny())
    write_json(directory.path / "result.json", {"top1": "old"})
    assert ensure(tiny("force=true"))[1]["top1"] != "old"


def test_a_pruned_run_keeps_its_curve_and_goes_on_when_it_is_asked_for(tiny, tmp_path):
    seen = []

    def after_second(row: dict) -> bool:
        seen.append(row["epoch"])
        return row["epoch"] == 2

    run = tiny("epochs=3", f"run_dir={tmp_path}/pruned")
    with pytest.raises(PrunedError, match="pruned after epoch 2 of 3"):
        ensure(run, prunes=after_second)
    directory = RunDir(tmp_path / "pruned")
    assert cell_state(directory) == "pruned"
    assert [row["epoch"] for row in complete_epochs(directory.path)] == [1, 2]

    # One that has been pruned is asked about again before anything is trained.
    with pytest.raises(PrunedError):
        ensure(run, prunes=after_second)
    assert seen == [1, 2, 1, 2]

    _, result = ensure(run)
    whole, wanted = ensure(tiny("epochs=3", f"run_dir={tmp_path}/whole"))
    assert (result["top1"], result["nll"]) == (wanted["top1"], wanted["nll"])
    assert_same_weights(directory, whole)
    assert cell_state(directory) == "recorded"


def test_nothing_is_pruned_after_its_last_epoch(tiny):
    _, result = ensure(tiny("epochs=2"), prunes=lambda row: row["epoch"] == 2)
    assert result["epochs"] == 2


def test_the_same_seed_gives_the_same_weights_bit_for_bit(tiny, tmp_path):
    first, _ = ensure(tiny())
    second, _ = ensure(tiny(f"run_dir={tmp_path / 'again'}"))
    assert_same_weights(first, second)


def test_another_seed_gives_other_weights(tiny):
    first, _ = ensure(tiny())
    second, _ = ensure(tiny("seed=1"))
    assert not torch.equal(weights(first)["norm.weight"], weights(second)["norm.weight"])


@pytest.mark.parametrize(
    "extra",
    [
        (),
        ("model.depth=3", "model.drop_path=0.5", "mix=cutmix", "optimizer=sgd"),
        ("optimizer=muon", "schedule=one_cycle", "clip_grad=1", "ema_decay=0.9"),
        ("accumulate=3", "mix=cutmix", "model.depth=2", "model.drop_path=0.5"),
        # A loss that learns.
        ("loss=guidance", "loss.stages=2", "model.depth=2", "teacher=vit",
         "teacher.model.patch_size=2", "teacher.model.depth=3", "teacher.epochs=1"),
    ],
)  # fmt: skip
def test_a_resumed_run_ends_bit_for_bit_like_one_that_was_not_killed(
    tiny, tmp_path, killed_after_first_epoch, extra
):
    run = tiny("checkpoint_secs=0", *extra)
    with pytest.raises(Killed):
        ensure(run)
    killed_after_first_epoch.undo()
    resumed, result = ensure(run)
    whole, expected = ensure(tiny(f"run_dir={tmp_path / 'whole'}", *extra))
    assert_same_weights(resumed, whole)
    assert result["top1"] == expected["top1"]
    rows = [json.loads(line) for line in (resumed.path / "epochs.jsonl").open()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert not resumed.checkpoints()


def test_a_resumed_run_does_not_repeat_what_was_saved(tiny, killed_after_first_epoch):
    run = tiny("checkpoint_secs=0")
    with pytest.raises(Killed):
        ensure(run)
    killed_after_first_epoch.undo()
    train_epoch, epochs = engine.train_epoch, []

    def counting(task, state, *others):
        epochs.append(state.epoch)
        return train_epoch(task, state, *others)

    killed_after_first_epoch.setattr(engine, "train_epoch", counting)
    ensure(run)
    assert epochs == [1]


@pytest.fixture
def half_done(tiny, killed_after_first_epoch) -> tuple[dict, RunDir]:
    """A run that was killed after its first epoch of five steps, saved after each; its place."""
    run = tiny("checkpoint_secs=0")
    with pytest.raises(Killed):
        ensure(run)
    killed_after_first_epoch.undo()
    (directory,) = Path(run["runs_dir"]).iterdir()
    return run, RunDir(directory)


def test_the_last_two_checkpoints_are_kept(half_done):
    names = [path.name for path in half_done[1].checkpoints()]
    assert names == ["checkpoint-000000005.safetensors", "checkpoint-000000004.safetensors"]


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(half_done, capsys):
    run, directory = half_done
    directory.checkpoints()[0].write_bytes(b"broken")
    assert ensure(run)[1]["epochs"] == 2
    said = capsys.readouterr().err
    assert "checkpoint-000000005.safetensors is not a safetensors file" in said
    assert "resumes after step 4 of epoch 1" in said


def test_without_a_checkpoint_that_is_whole_a_run_says_that_it_begins_anew(half_done, capsys):
    run, directory = half_done
    for path in directory.checkpoints():
        path.write_bytes(b"broken")
    assert ensure(run)[1]["epochs"] == 2
    assert "no checkpoint is whole, so this run begins anew" in capsys.readouterr().err


def test_a_checkpoint_of_another_run_is_not_used(half_done, tiny, capsys):
    _, directory = half_done
    other = RunDir(directory.path.with_name("other"))
    shutil.copytree(directory.path, other.path)
    found = read_json(other.path / "environment.json")
    config_hash = Planner().plan(tiny("seed=1")).identity["config_hash"]
    write_json(other.path / "environment.json", found | {"config_hash": config_hash})
    ensure(tiny("seed=1", f"run_dir={other.path}"))
    assert "is of another run" in capsys.readouterr().err


def test_a_resumed_run_ends_as_recorded_by_what_is_in_the_checkpoint(half_done):
    run, directory = half_done
    (directory.path / "epochs.jsonl").write_text('{"epoch": 1, "cut off')
    ensure(run)
    rows = [json.loads(line) for line in (directory.path / "epochs.jsonl").open()]
    assert [row["epoch"] for row in rows] == [1, 2]


def test_an_average_of_weights_is_what_is_evaluated_and_recorded(tiny):
    directory, result = ensure(tiny("ema_decay=0.99"))
    plain, _ = ensure(tiny())
    assert not torch.equal(weights(directory)["norm.weight"], weights(plain)["norm.weight"])
    # The numbers of the record, of the last epoch and of the weights are of one network.
    recomputed = recompute(open_run(directory.path), root=None, device="cpu")
    assert not recomputed.differing(1e-6)
    *_, last = (json.loads(line) for line in (directory.path / "epochs.jsonl").open())
    assert last["nll"] == pytest.approx(result["nll"])


def test_an_average_of_no_steps_is_the_untrained_model(tiny):
    average, _ = ensure(tiny("epochs=0", "ema_decay=0.99"))
    plain, _ = ensure(tiny("epochs=0"))
    assert_same_weights(average, plain)


def test_the_norm_of_gradients_is_among_the_terms_of_a_run_that_clips(tiny):
    for override, is_logged in (("clip_grad=1", True), ("clip_grad=null", False)):
        directory, _ = ensure(tiny("epochs=1", override))
        row = json.loads((directory.path / "epochs.jsonl").read_text())
        assert ("grad_norm" in row["train"]) == is_logged


def test_no_epochs_evaluate_and_record_the_untrained_model(tiny):
    directory, result = ensure(tiny("epochs=0"))
    assert (result["epochs"], result["best_epoch"], result["images_per_sec"]) == (0, 0, None)
    assert result["best_top1"] == result["top1"]
    assert directory.weights.exists()


def test_best_top1_is_the_maximum_over_epochs_and_its_first_epoch(tiny, monkeypatch):
    rows = iter([0.5, 0.7, 0.7])
    monkeypatch.setattr(
        engine, "epoch_metrics", lambda *_: {"top1": next(rows), "nll": 1, "split": "test"}
    )
    result = ensure(tiny("epochs=3"))[1]
    assert (result["best_top1"], result["best_epoch"]) == (0.7, 2)


def test_evaluations_can_be_rarer_and_the_last_epoch_has_one(tiny):
    directory, _ = ensure(tiny("epochs=3", "eval_every=2"))
    rows = [json.loads(line) for line in (directory.path / "epochs.jsonl").open()]
    assert ["top1" in row for row in rows] == [False, True, True]


def test_a_run_that_was_forced_and_left_before_it_began_can_be_made(tiny, monkeypatch):
    directory, first = ensure(tiny())
    (directory.path / "of a tracker").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr("titn.cells.ensure.make", Mock(side_effect=Killed))
        with pytest.raises(Killed):
            ensure(tiny("force=true"))
    assert directory.result() is None
    assert ensure(tiny())[1]["top1"] == first["top1"]


def refusal(run: dict, kind: type[Exception] = ConfigError) -> str:
    """What a run is refused with, and its dry run before it."""
    with pytest.raises(kind) as of_dry_run:
        check_refusals(Planner().plan(run))
    with pytest.raises(kind) as of_run:
        ensure(run)
    assert str(of_dry_run.value) == str(of_run.value)
    return str(of_run.value)


def test_a_directory_of_runs_is_no_run(tiny, tmp_path):
    ensure(tiny(f"run_dir={tmp_path / 'mine'}"))
    with pytest.raises(ConfigError, match=r"^runs_dir=.*mine: is the directory of a run"):
        ensure(tiny(f"runs_dir={tmp_path / 'mine'}"))


def test_a_directory_of_another_configuration_is_refused(tiny, tmp_path):
    ensure(tiny(f"run_dir={tmp_path / 'mine'}"))
    other = tiny(f"run_dir={tmp_path / 'mine'}", "seed=1")
    assert re.match(r"run_dir=.*holds another configuration", refusal(other))


def test_a_directory_of_other_files_is_refused_even_with_force(tiny, tmp_path):
    (tmp_path / "config.yaml").write_text("mine")
    assert "is not empty and holds no run" in refusal(tiny(f"run_dir={tmp_path}", "force=true"))
    assert (tmp_path / "config.yaml").read_text() == "mine"


def test_a_record_of_other_source_code_is_refused(tiny):
    directory, _ = ensure(tiny())
    environment = directory.environment()
    write_json(directory.path / "environment.json", environment | {"source_digest": "0" * 64})
    assert re.search(r"other source code .* choose runs_dir=DIR, or force=true", refusal(tiny()))


def test_a_failure_is_recorded_and_needs_a_retry(tiny, monkeypatch):
    def failing(*_):
        raise RuntimeError("out of memory\nand more")

    with monkeypatch.context() as patched:
        patched.setattr(make, "fit", failing)
        with pytest.raises(CellError, match=r"out of memory \(recorded in"):
            ensure(tiny())
    assert "failed before (RuntimeError: out of memory); retry=failed" in refusal(tiny(), CellError)
    assert ensure(tiny("retry=failed"))[1]["epochs"] == 2


def test_a_run_that_diverges_stops_and_is_recorded_as_such(tiny):
    with pytest.raises(
        CellError, match=r"^the loss is nan in epoch 1: the run has diverged; lower"
    ):
        ensure(tiny("optimizer=sgd", "optimizer.lr=1e30"))
    (directory,) = Path(tiny()["runs_dir"]).iterdir()
    failure = RunDir(directory).failure()
    assert (failure["kind"], failure["epoch"], failure["seed"]) == ("diverged", 1, 0)
    assert failure["config_hash"] == directory.name


def test_a_run_that_diverged_is_not_tried_again_unasked(tiny, monkeypatch):
    run = tiny("optimizer=sgd", "optimizer.lr=1e30")
    with pytest.raises(CellError):
        ensure(run)
    monkeypatch.setattr(make, "fit", lambda *_: pytest.fail("trained again"))
    with pytest.raises(CellError, match=r"so it would again: lower optimizer\.lr"):
        ensure(run)


def test_predictions_that_are_not_numbers_are_a_divergence(tiny, monkeypatch):
    evaluate = engine.evaluate

    def broken(*arguments, **keywords):
        predictions = evaluate(*arguments, **keywords)
        return dataclasses.replace(predictions, cls=predictions.cls * float("nan"))

    monkeypatch.setattr(engine, "evaluate", broken)
    with pytest.raises(CellError, match="the predictions' nll is nan in epoch 1: the run has div"):
        ensure(tiny())


def test_samples_keep_the_evaluated_images(tiny):
    directory, result = ensure(tiny())
    samples = samples_of(directory)
    assert len(samples["label"]) == result["num_evaluated"] == 360
    assert agreement(samples["fused"], samples["label"]) == pytest.approx(result["top1"])
    assert -np.mean(samples["log_prob_fused"]) == pytest.approx(result["nll"], rel=1e-5)
    assert set(samples["teacher"]) == {None}


# --- teachers -----------------------------------------------------------------------------------

# A teacher as small as the student; which file it came from does not matter to a cell.
TEACHER = ("teacher=vgg16_bn", "model@teacher.model=tnt", "teacher.model.patch_size=4",
           "teacher.model.depth=1", "teacher.epochs=1", "teacher.batch_size=64",
           "teacher.precision=32-true")  # fmt: skip
# Its tokens were both trained, and its record is of the mean of their probabilities.
TWO_TOKENS = (*TEACHER, "teacher.model.distillation_token=true")


def test_a_teacher_is_made_first_once_and_shared(tiny, capsys):
    _, first = ensure(tiny(*TEACHER))
    _, second = ensure(tiny(*TEACHER, "seed=1"))
    assert first["teacher"] == second["teacher"]
    messages = capsys.readouterr().err
    assert messages.count("teacher TITN is not recorded yet") == 1
    assert messages.count("teacher TITN on ") == 1


def test_a_teachers_record_is_that_of_its_run(tiny):
    run = tiny(*TEACHER)
    _, result = ensure(run)
    _, teacher = ensure(run["teacher"])
    facts = ("config_hash", "source_digest", "top1")
    assert result["teacher"] == {fact: teacher[fact] for fact in facts}


@pytest.mark.parametrize("teacher", [TEACHER, TWO_TOKENS])
def test_the_teachers_classes_are_kept_for_each_image(tiny, teacher):
    directory, result = ensure(tiny(*teacher))
    samples = samples_of(directory)
    top1 = agreement(samples["teacher"], samples["label"])
    assert top1 == pytest.approx(result["teacher"]["top1"])


def test_soft_students_of_any_temperature_share_their_teachers_logits(tiny, tmp_path):
    soft = (*TWO_TOKENS, "loss=soft", "mix=cutmix_mixup")
    ensure(tiny(*soft))
    shared, result = ensure(tiny(*soft, "loss.temperature=1"))
    asked, alone = ensure(tiny(*soft, "loss.temperature=1", f"run_dir={tmp_path / 'alone'}",
                               f"runs_dir={tmp_path / 'other'}"))  # fmt: skip
    assert (result["kept_labels"], alone["kept_labels"]) == (1.0, 0.0)
    assert_same_weights(shared, asked)


def test_logits_are_the_same_to_a_student_that_keeps_none(tiny, tmp_path):
    soft = (*TEACHER, "loss=soft")
    kept, _ = ensure(tiny(*soft))
    asked, result = ensure(tiny(*soft, "keep_labels=false", f"run_dir={tmp_path / 'alone'}",
                                f"runs_dir={tmp_path / 'other'}"))  # fmt: skip
    assert result["kept_labels"] == 0
    assert not (tmp_path / "other" / "logits").exists()
    assert_same_weights(kept, asked)


def test_a_deterministic_student_has_no_answers_of_another(tiny):
    ensure(tiny(*TEACHER))
    _, result = ensure(tiny(*TEACHER, "loss.alpha=0.25", "deterministic=true"))
    assert result["kept_labels"] == 0


def test_a_teacher_that_was_made_again_is_asked_again(tiny):
    _, first = ensure(tiny(*TEACHER))
    _, same = ensure(tiny(*TEACHER, "loss.alpha=0.25"))
    teacher = RunDir(Path(tiny()["runs_dir"]) / first["teacher"]["config_hash"])
    others = {name: 1.1 * weight for name, weight in weights(teacher).items()}
    tensor_files.save(teacher.weights, others, {})
    _, other = ensure(tiny(*TEACHER, "loss.alpha=0.75"))
    assert (same["kept_labels"], other["kept_labels"]) == (1.0, 0.0)


def test_a_mistake_in_the_student_costs_no_teacher(tiny, monkeypatch):
    monkeypatch.setattr(make, "fit", lambda *_: pytest.fail("trained"))
    with pytest.raises(ConfigError, match=r"^model\.patch_size=3: "):
        ensure(tiny(*TEACHER, "model.patch_size=3"))


def test_a_place_that_cannot_be_had_costs_no_teacher(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(make, "fit", lambda *_: pytest.fail("trained"))
    with pytest.raises(ConfigError, match=r"^run_dir=.*cannot be written"):
        ensure(tiny(*TEACHER, f"run_dir={tmp_path / 'file' / 'run'}"))


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("run_dir={0}/runs",), r"run_dir=.*/runs: is runs_dir, where all runs lie; choose one b"),
        (("run_dir={0}", *TEACHER), r"run_dir=.*: one of it and its teacher's, .* lies within"),
        (("run_dir={0}/a", *TEACHER, "teacher.run_dir={0}/a"), "run_dir=.* or they are one"),
        (("run_dir={0}/a/b", *TEACHER, "teacher.run_dir={0}/a"), "run_dir=.* lies within"),
        (("run_dir={0}/a", *TEACHER, "teacher.run_dir={0}/ab"), None),
        (("runs_dir=/dev/null/runs",), "runs_dir=/dev/null/runs: cannot be written ./dev/null is"),
        (("run_dir=/dev/null",), "run_dir=/dev/null: cannot be written"),
    ],
)
def test_no_run_lies_within_another_or_in_a_file(tiny, tmp_path, overrides, line):
    run = tiny(*(one.format(tmp_path) for one in overrides))
    if line is None:
        Planner().plan(run)
        return
    with pytest.raises(ConfigError, match=f"^{line}"):
        Planner().plan(run)


def test_a_recorded_student_does_not_need_its_teacher_again(tiny):
    _, first = ensure(tiny(*TEACHER))
    shutil.rmtree(Path(tiny()["runs_dir"]) / first["teacher"]["config_hash"])
    assert ensure(tiny(*TEACHER))[1] == first


def test_a_teacher_without_its_weights_is_named(tiny):
    run = tiny(*TEACHER)
    taught, _ = ensure(run["teacher"])
    taught.weights.unlink()
    assert re.match(r"teacher\.run_dir=.*no weights; .*teacher\.force=true", refusal(run))
    assert ensure(tiny(*TEACHER, "teacher.force=true"))[1]["teacher"] is not None


def test_a_teacher_of_other_source_code_is_named(tiny):
    run = tiny(*TEACHER)
    taught, _ = ensure(run["teacher"])
    write_json(taught.path / "environment.json", taught.environment() | {"source_digest": "0" * 64})
    assert re.match(r"teacher\.run_dir=.*other source.*teacher\.force=true", refusal(run))


def test_a_teacher_that_diverges_is_named_with_its_own_remedy(tiny):
    with pytest.raises(
        CellError,
        match=r"^the teacher failed: the loss is nan in epoch 1: .*; lower teacher\.optimizer\.lr",
    ):
        ensure(tiny(*TEACHER, "optimizer@teacher.optimizer=sgd", "teacher.optimizer.lr=1e30"))


def test_planning_and_a_dry_run_train_and_write_nothing(tiny, tmp_path, monkeypatch):
    planned = Planner().plan(tiny(*TEACHER))
    assert planned.teacher is not None
    check_refusals(planned)
    assert not (tmp_path / "runs").exists()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match=r"^run_dir=.*cannot be written \(Permission denied\)"):
        check_refusals(planned)


def test_a_mistake_in_the_teacher_is_named_in_full(tiny):
    with pytest.raises(ConfigError, match=r"^teacher\.model\.patch_size=3: does not divide"):
        ensure(tiny(*TEACHER, "teacher.model.patch_size=3"))


def test_a_loss_that_needs_a_teacher_says_so(tiny):
    with pytest.raises(ConfigError, match="needs a teacher"):
        ensure(tiny("loss=hard"))


def test_a_teacher_from_a_checkpoint_is_taken_as_it_is(tiny):
    run = tiny(*TEACHER)
    taught, _ = ensure(run["teacher"])
    _, result = ensure(tiny(*TEACHER, f"teacher.checkpoint={taught.path}"))
    assert result["teacher"]["top1"] == taught.result()["top1"]
    assert result["teacher"]["config_hash"] != taught.result()["config_hash"]


def test_a_teacher_starts_from_other_weights_with_a_head_of_its_own(tiny):
    run = tiny(*TEACHER)
    other, _ = ensure(tiny(*TEACHER, "dataset.num_classes=5")["teacher"])
    tuned = tiny(*TEACHER, f"teacher.weights={other.path}", "teacher.epochs=0")["teacher"]
    before, after = weights(other), weights(ensure(tuned)[0])
    assert torch.equal(after["tokens"], before["tokens"])
    assert after["heads.cls.weight"].shape != before["heads.cls.weight"].shape
    assert Planner().plan(tuned).identity != Planner().plan(run["teacher"] | {"epochs": 0}).identity


def test_a_checkpoint_that_does_not_fit_is_refused(tiny):
    other, _ = ensure(tiny("model.depth=2", "epochs=0"))
    with pytest.raises(
        ConfigError, match=r"^checkpoint=.*does not fit the model: it has layers\.1"
    ):
        ensure(tiny(f"checkpoint={other.path}"))


def test_a_checkpoint_that_is_no_checkpoint_is_refused(tiny, tmp_path):
    (tmp_path / "x.pt").write_text("hello")
    with pytest.raises(ConfigError, match=r"^checkpoint=.*cannot be read as weights"):
        ensure(tiny(f"checkpoint={tmp_path / 'x.pt'}"))


def test_two_processes_make_a_cell_once(tiny, tmp_path):
    run = tiny("epochs=3")
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        results = pool.map(_ensure, [run, run])
    assert results[0] == results[1]
    rows = (Path(run["runs_dir"]) / results[0]["config_hash"] / "epochs.jsonl").read_text()
    assert len(rows.splitlines()) == 3


def _ensure(run: dict) -> dict:
    return ensure(run)[1]


def test_a_record_has_the_accuracy_on_unaugmented_training_images(tiny):
    result = ensure(tiny("epochs=0"))[1]
    assert result["train"]["num_images"] == result["num_train"]
    assert result["train"]["nll"] == pytest.approx(np.log(10), rel=0.2)  # untrained: about chance


@pytest.mark.parametrize("labels", [torch.arange(60) % 3, torch.arange(60) // 20])
def test_some_of_train_are_of_every_class_in_whatever_order_they_lie(labels):
    images = Images(torch.zeros(60, 1, 1, 1), labels)
    assert result.of_every_class(images, 12).labels.bincount().tolist() == [4, 4, 4]
    assert len(result.of_every_class(images, 60)) == 60


def test_wall_time_counts_what_was_spent_before_a_kill(tiny, killed_after_first_epoch, monkeypatch):
    run = tiny("checkpoint_secs=0")
    with monkeypatch.context() as patched:
        patched.setattr(make.Clock, "read", lambda clock: 1000.0)
        with pytest.raises(Killed):
            ensure(run)
    killed_after_first_epoch.undo()
    assert ensure(run)[1]["wall_secs"] > 1000


def test_a_run_that_was_checked_before_is_planned_without_building_its_networks(tiny, monkeypatch):
    planned = Planner().plan(tiny(*TEACHER))
    monkeypatch.setattr(planning.build, "parts", lambda *_: pytest.fail("built"))
    assert Planner(checked=True).plan(tiny(*TEACHER)).identity == planned.identity


def test_what_several_cells_share_is_built_once(tiny, monkeypatch):
    built, parts = [], planning.build.parts
    monkeypatch.setattr(
        planning.build, "parts", lambda run, spec: built.append(run) or parts(run, spec)
    )
    plans = Planner()
    for seed in (0, 1):
        plans.plan(tiny(*TEACHER, f"seed={seed}"))
    assert len(built) == 2  # one student, one teacher


def test_a_cell_that_another_process_makes_can_be_left_to_it(tiny):
    planned = Planner().plan(tiny())
    planned.directory.path.mkdir(parents=True)
    with FileLock(planned.directory.lock), pytest.raises(BusyError):
        ensure_recorded(planned, wait=False)


def test_a_failed_cell_has_its_traceback_in_its_log(tiny):
    with pytest.raises(CellError):
        ensure(tiny("optimizer=sgd", "optimizer.lr=1e30"))
    (log,) = Path(tiny()["runs_dir"]).glob("*/log.txt")
    assert "Traceback (most recent call last)" in log.read_text()


def test_a_cell_that_failed_before_it_began_can_be_tried_again(tiny, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(ensuring, "make", lambda *_: 1 / 0)
        with pytest.raises(CellError, match="ZeroDivisionError"):
            ensure(tiny())
    assert ensure(tiny("retry=failed"))[1]["epochs"] == 2


def taken_elsewhere(path: Path) -> None:
    """What a host leaves in a run's lock that takes it too, where flock is each host's own."""
    (path / ".lock").write_bytes(Holder("node7", 42, "their-token", "their-kernel").to_bytes())


def files_of(path: Path) -> dict[str, int]:
    """When each was written, but for the log, which has the lines of both."""
    files = (file for file in path.iterdir() if file.name != "log.txt")
    return {file.name: file.stat().st_mtime_ns for file in files}


def test_a_run_that_another_host_has_taken_writes_nothing_more(tiny, monkeypatch):
    add_epoch, found = RunDir.add_epoch, {}

    def then_taken(directory: RunDir, row: dict) -> None:
        add_epoch(directory, row)
        taken_elsewhere(directory.path)
        found.update(files_of(directory.path))

    monkeypatch.setattr(RunDir, "add_epoch", then_taken)
    with pytest.raises(LockLostError, match="process 42 of host node7"):
        ensure(tiny())
    (run,) = Path(tiny()["runs_dir"]).glob("*/")
    assert found == files_of(run)


def test_what_goes_wrong_in_a_run_that_another_host_has_taken_is_not_written_down(
    tiny, monkeypatch
):
    def then_fails(directory: RunDir, _: dict) -> None:
        taken_elsewhere(directory.path)
        raise ZeroDivisionError

    monkeypatch.setattr(RunDir, "add_epoch", then_fails)
    with pytest.raises(LockLostError):
        ensure(tiny())
    assert not list(Path(tiny()["runs_dir"]).glob("*/failure.json"))


def test_a_teacher_that_another_host_has_taken_has_not_failed(tiny, monkeypatch):
    monkeypatch.setattr(RunDir, "add_epoch", lambda directory, _: taken_elsewhere(directory.path))
    with pytest.raises(LockLostError, match=r"^\S+: process 42 of host node7"):
        ensure(tiny(*TEACHER))


def test_a_disk_that_cannot_rename_is_one_line(tiny, monkeypatch):
    monkeypatch.setattr(os, "replace", raising(OSError(errno.ENOSYS, "Function not implemented")))
    with pytest.raises(ConfigError, match=r"^run_dir=.*cannot be written \(Function not impl"):
        ensure(tiny())


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "weights.safetensors")


def raising(error: Exception):
    def broken(*_, **__):
        raise error

    return broken


def test_a_full_disk_fails_a_run_and_not_its_cell(tiny, monkeypatch):
    monkeypatch.setattr(make.TrainingRun, "_write_files", raising(FULL))
    with pytest.raises(CellError, match=r"weights\.safetensors: No space left.*make room, and the"):
        ensure(tiny())
    monkeypatch.undo()
    assert ensure(tiny())[1]["epochs"] == 2


def test_training_goes_on_when_a_checkpoint_does_not_fit(tiny, monkeypatch, capsys):
    monkeypatch.setattr(make.Checkpoints, "save", raising(FULL))
    assert ensure(tiny("checkpoint_secs=0"))[1]["epochs"] == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "not saved" in line]
    assert said == ["not saved, and the run goes on: weights.safetensors: No space left on device"]


def test_memory_that_is_out_marks_the_cell_and_says_what_to_lower(tiny, monkeypatch):
    monkeypatch.setattr(make, "fit", raising(torch.OutOfMemoryError("CUDA out of memory.")))
    with pytest.raises(CellError, match=r"^out of memory on cpu; lower batch_size \(it is 64\)"):
        ensure(tiny())
    (directory,) = Path(tiny()["runs_dir"]).iterdir()
    assert RunDir(directory).failure()["kind"] == "memory"


@pytest.mark.parametrize("name", ["result.json", "environment.json"])
def test_what_is_damaged_is_refused_with_the_remedy(tiny, name):
    directory, _ = ensure(tiny())
    path = directory.path / name
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ConfigError, match=rf"^run_dir=.*{name}: .*put back a copy, or force=true"):
        ensure(tiny())


@pytest.mark.parametrize("name", ["result.json", "environment.json"])
def test_what_is_damaged_is_made_again_by_force(tiny, name):
    directory, first = ensure(tiny())
    (directory.path / name).write_text("{")
    assert ensure(tiny("force=true"))[1]["top1"] == first["top1"]


def test_damaged_weights_of_a_teacher_are_not_the_failure_of_its_student(tiny):
    _, first = ensure(tiny(*TEACHER))
    place = Path(tiny()["runs_dir"])
    teacher = RunDir(place / first["teacher"]["config_hash"])
    teacher.weights.write_bytes(teacher.weights.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=r"^teacher\.run_dir=.*or teacher\.force=true to make it"):
        ensure(tiny(*TEACHER, "seed=1"))
    assert not list(place.glob("*/failure.json"))


def test_a_record_with_a_checkpoint_beside_it_is_tidied(tiny):
    directory, _ = ensure(tiny())
    directory.checkpoint(3).write_text("left by a kill just before it was removed")
    ensure(tiny())
    assert directory.checkpoints() == []


@pytest.mark.parametrize("secs", [0.0, 60.0])
def test_an_interval_of_nothing_saves_after_every_step(tiny, monkeypatch, secs):
    saved = []
    monkeypatch.setattr(make.Checkpoints, "save", lambda _, position, *__: saved.append(position))
    ensure(tiny(f"checkpoint_secs={secs}"))
    # Two epochs of five steps, and each epoch's end once more, when it has been evaluated.
    assert saved == ([1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 10] if not secs else [])
