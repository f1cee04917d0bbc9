"""A job in a process of a launcher's is of the code that the sweep was planned with."""

import pytest

from titn.cells.identity import run_source_digest
from titn.sweeps.job import _check_source
from titn.system.errors import ConfigError


def test_a_job_of_other_code_than_was_planned_is_refused(composed):
    run = composed("model=vit")
    _check_source(run, run_source_digest(run))
    _check_source(run, None)  # of a sweep that began before it was said
    with pytest.raises(ConfigError, match="has changed since the sweep was planned; give the comm"):
        _check_source(run, "0" * 64)
