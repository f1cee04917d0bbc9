"""The making of one cell: begin or resume, fit, evaluate, record."""

import time
from collections.abc import Sequence

from titn.cells import result
from titn.cells.assembling import assemble_cell
from titn.cells.autosave import Autosave, describe_position
from titn.cells.cell import Cell
from titn.cells.checkpoints import Checkpoints
from titn.cells.processes import together
from titn.cells.pruning import PrunedError, Prunes
from titn.cells.saved_state import restored_state, saved_state
from titn.cells.stopping import StoppedError, is_out_of_patience
from titn.cells.tracked import tracked
from titn.config.paths import config_root
from titn.data.batches import steps_per_epoch
from titn.data.stored import unread
from titn.records import provenance
from titn.system import signals, tensor_files
from titn.system.locks import Lock
from titn.system.progress import Progress, Silent, say
from titn.system.text import counted
from titn.tracking.tracking import Tracking
from titn.training import hardware
from titn.training.assembly import AssembledRun
from titn.training.engine import State, evaluate, fit, trained_parameters
from titn.training.metrics import Predictions, summarise, train_metrics
from titn.training.ranks import Ranks


def make(cell: Cell, teacher_record: dict | None, prunes: Prunes | None, lock: Lock) -> dict:
    """Train, or go on training, and write the record; lock: the cell's, which is held.

    Raises PrunedError where `prunes` ends the run; its checkpoint stays. LockLostError where
    another process has taken the lock over: it writes there, and this one no more.
    """
    clock = Clock()
    hardware.release_memory()
    # From the beginning: what is compiled in another mode is compiled again in this one.
    with hardware.deterministic(cell.run["deterministic"]), together(cell) as ranks:
        assembled = assemble_cell(cell, ranks)
        with signals.deferred():
            return TrainingRun(cell, assembled, clock, prunes, ranks, lock).record(teacher_record)


def follow(cell: Cell, ranks: Ranks) -> None:
    """Train with the process that makes the cell, on another device; nothing is written."""
    with hardware.deterministic(cell.run["deterministic"]):
        TrainingRun(cell, assemble_cell(cell, ranks), Clock(), ranks=ranks).follow()


class Clock:
    """Seconds that a cell takes, the earlier parts of an interrupted run included."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.before = 0.0

    def read(self) -> float:
        return self.before + time.monotonic() - self.started


class TrainingRun:
    """A cell while it is trained: how far it has come, and how that is saved and resumed."""

    def __init__(
        self,
        cell: Cell,
        assembled: AssembledRun,
        clock: Clock,
        prunes: Prunes | None = None,
        ranks: Ranks | None = None,
        lock: Lock | None = None,
    ):
        """lock: of the process that writes, and none other."""
        self.cell = cell
        self.assembled = assembled
        self.task = assembled.task
        self.clock = clock
        self.prunes = prunes
        self.ranks = ranks
        self.lock = lock
        self.checkpoints = Checkpoints(cell.directory, cell.identity)
        self.steps_per_epoch = steps_per_epoch(len(self.task.dataset.train), self.task.batch_size)
        self.state = self._resume() if ranks is None else self._resume_together(ranks)

    def follow(self) -> None:
        """Train to the last epoch, with a process that records it."""
        fit(self.task, self.state, Silent(), lambda _: self._check_weights())

    def record(self, teacher_record: dict | None) -> dict:
        """Train to the last epoch, or until patience ends, evaluate, and write the record."""
        cell = self.cell
        self._check_lock()
        environment = self._environment()
        cell.directory.begin(cell.run | {"precision": cell.precision}, environment)
        autosave = Autosave(
            self.state, cell.run["checkpoint_secs"], self._save, self._raise_if_lost
        )
        with tracked(cell, self.state.rows) as trackings:
            self._fit(autosave, trackings)
            record = self._recorded(autosave, environment, teacher_record)
            for tracking in trackings:
                tracking.summarise(record, cell.directory.result_files())
        return record

    def _recorded(self, autosave: Autosave, environment: dict, teacher_record: dict | None) -> dict:
        """Evaluate the trained network, and write the record."""
        cell, dataset = self.cell, self.task.dataset
        # Of this process alone: as the same weights are evaluated however they were trained.
        network = self.task.fabric.setup_module(self.assembled.network)
        frozen = self.assembled.teacher
        predictions = evaluate(network, dataset.evaluated, frozen, autosave=autosave)
        train_images = result.of_every_class(unread(dataset.train), result.TRAIN_IMAGES)
        train_predictions = evaluate(network, train_images, autosave=autosave)
        self._check_lock()
        self.checkpoints.giving_room(lambda: self._write_files(predictions))
        record = self._result(predictions, train_predictions, environment, teacher_record)
        self._check_lock()
        self.checkpoints.giving_room(lambda: cell.directory.finish(record))
        return record

    def _fit(self, autosave: Autosave, trackings: Sequence[Tracking]) -> None:
        task, state = self.task, self.state
        images_per_epoch = self.steps_per_epoch * min(task.batch_size, len(task.dataset.train))
        self.cell.directory.write_epochs(state.rows)  # without those after the checkpoint
        progress = Progress(
            self.cell.name,
            epochs=task.epochs,
            total=task.epochs * images_per_epoch,
            done=state.images_seen,
        )

        def on_epoch(row: dict) -> None:
            self._check_weights()
            self._check_lock()
            self.cell.directory.add_epoch(row)
            for tracking in trackings:
                tracking.add(row)
            self._end_if_pruned(row)
            self._stop_if_out_of_patience()

        try:
            for row in state.rows:
                self._end_if_pruned(row)
            self._stop_if_out_of_patience()
            fit(task, state, progress, on_epoch, autosave)
        except PrunedError:
            self._save()
            raise
        except StoppedError:
            say(
                f"{self.cell.name} stops after epoch {state.epoch} of {task.epochs}: no better "
                f"validation loss for {counted(self.cell.run['patience'], 'epoch')}"
            )
            autosave()
        finally:
            progress.close()

    def _check_lock(self) -> None:
        """Before anything is written."""
        if self.lock is not None:
            self.lock.check()

    def _raise_if_lost(self) -> None:
        if self.lock is not None:
            self.lock.raise_if_lost()

    def _check_weights(self) -> None:
        """RanksDifferError where processes that train together have come apart."""
        if self.ranks is not None:
            state, weights = self.state, trained_parameters(self.task)
            sums = [float(weight.detach().double().sum()) for weight in weights]
            self.ranks.check_same(f"weights after epoch {state.epoch}", [state.step, *sums])

    def _end_if_pruned(self, row: dict) -> None:
        """PrunedError where the run is to end after this epoch; after the last it has anyway."""
        if self.prunes is not None and self.prunes(row) and row["epoch"] < self.task.epochs:
            raise PrunedError(row["epoch"], self.task.epochs, self.clock.read())

    def _stop_if_out_of_patience(self) -> None:
        """StoppedError where the run is to end after the epochs that it has; not after the last."""
        state, patience = self.state, self.cell.run["patience"]
        if state.epoch < self.task.epochs and is_out_of_patience(state.rows, patience):
            raise StoppedError

    def _result(
        self,
        predictions: Predictions,
        train_predictions: Predictions,
        environment: dict,
        teacher_record: dict | None,
    ) -> dict:
        """The content of result.json."""
        cell, assembled = self.cell, self.assembled
        token_weights, answers = assembled.parts.loss.token_weights, assembled.answer_cache
        cached_share = answers.hit_rate if answers else 0.0
        metrics = summarise(predictions, token_weights)
        teacher = None
        if teacher_record is not None:
            kept = ("config_hash", "source_digest", "top1")
            teacher = {key: teacher_record[key] for key in kept}
        return {
            **metrics,
            **result.balance(predictions, token_weights),
            **result.course(
                self.state, metrics["top1"], timed=not cached_share, epochs=self.task.epochs
            ),
            "train": train_metrics(train_predictions, token_weights),
            # Not the task's data set, whose images may be on a GPU.
            **result.costs(assembled.parts.model, cell.dataset.spec),
            "seed": cell.run["seed"],
            **result.data(cell.dataset),
            **cell.identity,
            "git_commit": environment["git_commit"],
            "teacher": teacher,
            **result.parent(cell.run),
            "compiled": assembled.compiled,
            "compile_secs": assembled.compile_secs,
            "kept_labels": cached_share,
            "wall_secs": self.clock.read(),
        }

    def _environment(self) -> dict:
        """Of this part of the run; what an interrupted one ran on is kept under `earlier`."""
        cell = self.cell
        before = cell.directory.environment() if self.state.images_seen else None
        earlier = [*before.pop("earlier", []), before] if before else []
        now = provenance.environment(config_root()) | hardware.description(cell.device)
        now |= {"devices": cell.run["devices"]}
        return cell.identity | now | {"earlier": earlier}

    def _write_files(self, predictions: Predictions) -> None:
        """What a record refers to, which has to be there before the record is."""
        cell, assembled = self.cell, self.assembled
        facts = {"config_hash": cell.identity["config_hash"]}
        tensor_files.save(cell.directory.weights, assembled.network.state_dict(), facts)
        token_weights = assembled.parts.loss.token_weights
        cell.directory.write_samples(result.sample_columns(predictions, token_weights))

    def _save(self) -> None:
        """Write all that the rest of the run depends on."""
        self._check_lock()
        state = self.state
        tree, facts = saved_state(state, self.assembled, self.clock.read())
        self.checkpoints.save(state.epoch * self.steps_per_epoch + state.step, tree, facts)

    def _resume_together(self, ranks: Ranks) -> State:
        """`_resume`, first in the process that leads, which may put a damaged file aside."""
        if ranks.leads:
            state = self._resume()
            ranks.broadcast_number()
        else:
            ranks.broadcast_number()
            state = self._resume()
        ranks.check_same("checkpoint", [state.epoch, state.step])
        return state

    def _resume(self) -> State:
        """The state that an interrupted run left, with model and optimizer as they were then."""
        found = self.checkpoints.newest()
        if found is None:
            return State()
        tree, facts = found
        state = restored_state(tree, facts, self.assembled)
        self.clock.before = facts["wall_secs"]
        say(f"{self.cell.name} resumes {describe_position(state)}")
        return state
