"""MLflow: MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME say where."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from titn.tracking.protocol import End, Number, TrackedRun

STATUS = {"recorded": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
# What a server takes of settings in one call, and of one of them.
MOST_PARAMS, LONGEST_PARAM = 100, 6000


class MLflow:
    """A run of the client's, which leaves the active run of the process alone.

    The tags `sweep` and `kind` tell the cells of a sweep, and students from teachers.
    """

    def __init__(self, run: TrackedRun, first: int):
        self.client = MlflowClient()
        if run.continues is not None:
            self.id = run.continues
            self.client.update_run(self.id, status="RUNNING")
            return
        tags = {"mlflow.runName": run.name, "sweep": run.group, "kind": run.kind}
        self.id = self.client.create_run(self._experiment(), tags=tags).info.run_id
        params = [Param(key, str(value)[:LONGEST_PARAM]) for key, value in run.settings.items()]
        for start in range(0, len(params), MOST_PARAMS):
            self.client.log_batch(self.id, params=params[start : start + MOST_PARAMS])

    def _experiment(self) -> str:
        """The experiment's id; it is made if it is not there."""
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "titn")
        if (found := self.client.get_experiment_by_name(name)) is None:
            try:
                return self.client.create_experiment(name)
            except MlflowException:
                # Another cell of the sweep has made it in the meantime, or its error comes now.
                found = self.client.get_experiment_by_name(name)
                if found is None:
                    raise
        return found.experiment_id

    def log(self, epoch: int, numbers: dict[str, Number]) -> None:
        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, epoch) for name, value in numbers.items()]
        self.client.log_batch(self.id, metrics=metrics)

    def summarise(self, numbers: dict[str, Number], files: Sequence[Path]) -> None:
        now = int(1000 * time.time())
        metrics = [Metric(f"record/{name}", value, now, 0) for name, value in numbers.items()]
        self.client.log_batch(self.id, metrics=metrics)
        for file in files:
            self.client.log_artifact(self.id, str(file))

    def close(self, end: End) -> None:
        self.client.set_terminated(self.id, status=STATUS[end])
