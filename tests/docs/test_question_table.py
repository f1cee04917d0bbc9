"""The table of questions in docs/sweeps.md has every question of sweeps/ablation, and no other."""

import re

from doc_blocks import CHECKOUT

from titn.config.compose import choices_of


def test_every_question_is_in_the_table():
    page = (CHECKOUT / "docs" / "sweeps.md").read_text()
    table = page.partition("| `+ablation=` | asks about |\n| :-- | :-- |\n")[2].partition("\n\n")[0]
    named = [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line)]
    assert sorted(named) == sorted(choices_of("ablation"))
