"""What is saved of a half-done run: the last two states, each with a checksum."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from titn.records.run_dir import RunDir
from titn.system import tensor_files
from titn.system.errors import is_full
from titn.system.files import sync_directory
from titn.system.progress import say

# One more than is needed, in case the newest is damaged by what ends the run.
KEPT = 2
# At the end of the name of one that is of no use; it goes when the run is recorded.
DAMAGED = ".damaged"


class Checkpoints:
    """Those of one run. identity: of the run; another's are not its own, wherever they lie."""

    def __init__(self, directory: RunDir, identity: dict):
        self.directory = directory
        self.identity = identity

    def save(self, position: int, tree: dict, facts: dict) -> None:
        """Write a state, then remove all but the newest two.

        position: steps since the beginning. tree: nested dicts and lists of tensors. facts: fit for
        JSON. On a full disk the older one makes room. Raises OSError if it cannot be written; those
        that were there are kept.
        """
        tensors, rest = tensor_files.flatten(tree)
        content = {"identity": self.identity, "facts": facts, "rest": rest}
        path = self.directory.checkpoint(position)
        self.giving_room(lambda: tensor_files.save(path, tensors, content))
        for old in self.directory.checkpoints()[KEPT:]:
            old.unlink(missing_ok=True)
        sync_directory(self.directory.path)

    def giving_room(self, write: Callable[[], None]) -> None:
        """Write; if the disk is full, without the older checkpoint: the newest is enough to go on.

        It has the size of the next one, and is larger than all that is written at the end.
        """
        try:
            write()
        except OSError as error:
            older = self.directory.checkpoints()[1:]
            if not is_full(error) or not older:
                raise
            for path in older:
                path.unlink(missing_ok=True)
            write()

    def newest(self) -> tuple[dict, dict[str, Any]] | None:
        """Tree and facts of the newest that is whole; None if there is none.

        One that is damaged is named and put aside, and the one before is taken. Raises OSError if
        one cannot be read now, but perhaps later.
        """
        found = self.directory.checkpoints()
        for path in found:
            try:
                return self._read(path)
            except tensor_files.DamageError as error:
                path.replace(path.with_name(path.name + DAMAGED))
                say(f"a checkpoint is of no use: {error}")
        if found:
            say(f"{self.directory.path}: no checkpoint is whole, so this run begins anew")
        return None

    def _read(self, path: Path) -> tuple[dict, dict[str, Any]]:
        tensors, content = tensor_files.load(path)
        if content.get("identity") != self.identity:
            raise tensor_files.DamageError(f"{path} is of another run")
        return tensor_files.unflatten(content["rest"], tensors), content["facts"]
