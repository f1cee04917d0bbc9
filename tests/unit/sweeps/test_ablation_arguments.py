"""What is said of an ablation's command line before it is composed."""

import pytest

from titn.sweeps.ablation.arguments import check_typed
from titn.system.errors import ConfigError

LISTS = ["from=[]", 'to=["mix=mixup"]']


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["+ablate=path,factorial", *LISTS], "+ablate=path,factorial: one design at a time"),
        (LISTS, "from=[]: is for an ablation; add --multirun +ablate=leave_one_out"),
        (["+ablate=path", "from=model=deit"], "'from=[model=deit]'"),
        (["+ablate=path", *LISTS, "ties=[mix,loss]"], "ties=[[mix,loss]]"),
    ],
)
def test_a_slip_is_answered_with_what_to_write(overrides, said):
    with pytest.raises(ConfigError) as refused:
        check_typed(overrides)
    assert said in str(refused.value)


def test_a_sound_command_line_is_let_through():
    check_typed(["+ablate=path", *LISTS, "ties=[[mix,loss]]", "seed=0,1"])
