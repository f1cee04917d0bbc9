"""What a sweep's file says is read as a command line would have it."""

import pytest
from omegaconf import OmegaConf

from titn.sweeps.sweep import _swept


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("[0, 1]", "0,1"),
        ("[vit, deit]", "vit,deit"),
        ("[1e-3, null, true]", "0.001,null,true"),
        ("[a b]", '"a b"'),
        ("0,1", "0,1"),
        ("3", "3"),
    ],
)
def test_a_list_is_what_is_swept(written, typed):
    assert str(_swept(OmegaConf.create(f"seed: {written}").seed)) == typed
